"""The calendar of sender accounts: a day that is over goes into history before the next one starts to count."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from appliance.clock import local_date, next_midnight
from appliance.db.models import AccountDay, SenderAccount
from appliance.db.queries import outbox
from appliance.services.routing import Routing


def routing_at(session: Session, now: datetime, zone: ZoneInfo) -> Routing:
    """The accounts as they stand at `now`, with the days before it closed. Inside a write."""
    accounts = outbox.accounts(session)
    today = local_date(now, zone)
    close(session, accounts, today)
    return Routing(accounts, now=now, today=today, midnight=next_midnight(now, zone))


def close(session: Session, accounts: Iterable[SenderAccount], today: str) -> int:
    """Writes the counts of days before `today` into history. Returns how many accounts had one."""
    over = [account for account in accounts if _is_over(account, today)]
    closed = 0
    for account in sorted(over, key=lambda one: one.id):  # in one order: two who close the same day cannot dead-lock
        # on a database server others count, or close this day, at the same moment
        session.refresh(account, with_for_update=True)
        if _is_over(account, today):
            session.merge(AccountDay(account_id=account.id, day=account.count_date, sent=account.count))
            account.count, account.count_date = 0, today
            closed += 1
    session.flush()
    return closed


def _is_over(account: SenderAccount, today: str) -> bool:
    return bool(account.count_date) and account.count_date < today
