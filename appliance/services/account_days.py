"""The calendar of sender accounts: a day that is over goes into history before the next one starts to count."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import update
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
    over = [account for account in accounts if account.count_date and account.count_date < today]
    for account in over:
        session.merge(AccountDay(account_id=account.id, day=account.count_date, sent=account.count))
        session.execute(
            update(SenderAccount)
            .where(SenderAccount.id == account.id, SenderAccount.count_date == account.count_date)
            .values(count=0, count_date=today),
            execution_options={"synchronize_session": "evaluate"},
        )
    session.flush()
    return len(over)
