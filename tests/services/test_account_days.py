from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import gevent
import pytest
from gevent.event import Event
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import AccountDay, SenderAccount
from appliance.db.queries import outbox
from appliance.services import account_days
from tests.factories import add_account
from tests.services.conftest import Chain, MakeChain
from tests.services_up import needs_postgres


def history(chain: Chain) -> dict[str, int]:
    with chain.database.read() as session:
        return {day.day: day.sent for day in session.query(AccountDay)}


def send(chain: Chain, count: int = 1) -> None:
    for _ in range(count):
        chain.submit()
    chain.turn()


def test_box_that_was_off_at_midnight_is_right_when_it_wakes(faked: Chain) -> None:
    account = faked.account(daily_limit=5)
    send(faked, 5)
    faked.clock.advance(days=3)

    send(faked)

    assert (faked.sent_today(account), history(faked)) == (1, {"2026-03-10": 5})


def test_clock_set_back_does_not_start_the_count_anew(faked: Chain) -> None:
    account = faked.account(daily_limit=5)
    faked.clock.advance(days=1)
    send(faked, 5)
    faked.clock.advance(days=-1)

    send(faked)

    assert faked.statuses() == {"sent": 5, "held": 1}
    assert (faked.sender(account).count, faked.sender(account).count_date) == (5, "2026-03-11")
    assert history(faked) == {}


def test_day_whose_clock_went_back_and_forth_is_closed_once_with_all_its_mail(faked: Chain) -> None:
    faked.account()
    send(faked, 2)
    faked.clock.advance(days=-1)
    send(faked)
    faked.clock.advance(days=1)
    send(faked)
    faked.clock.advance(days=1)

    send(faked)

    assert history(faked) == {"2026-03-10": 4}


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        # 29 March 2026: the day has 23 hours in Berlin; 25 October: 25 hours
        ("Europe/Berlin", datetime(2026, 3, 29, 21, 59, tzinfo=UTC), datetime(2026, 3, 29, 22, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, 22, 59, tzinfo=UTC), datetime(2026, 10, 25, 23, 0, tzinfo=UTC)),
        # Beirut skips 00:00 on 29 March 2026: the day starts at 01:00
        ("Asia/Beirut", datetime(2026, 3, 28, 21, 59, tzinfo=UTC), datetime(2026, 3, 28, 22, 0, tzinfo=UTC)),
        ("Asia/Shanghai", datetime(2026, 3, 10, 15, 59, tzinfo=UTC), datetime(2026, 3, 10, 16, 0, tzinfo=UTC)),
    ],
)
def test_limit_starts_anew_at_midnight_of_the_zone(
    make_chain: MakeChain, zone: str, before: datetime, after: datetime
) -> None:
    chain = make_chain(zone=ZoneInfo(zone))
    chain.clock.now = before
    chain.account(daily_limit=1)
    chain.submit()
    held = chain.submit()
    claims = chain.claim()
    assert [len(claim.message_ids) for claim in claims] == [1]
    assert chain.detail(held).message.due_at == after or chain.status(held) != "held"

    chain.clock.now = after

    assert [len(claim.message_ids) for claim in chain.claim()] == [1]


@pytest.mark.postgres
@needs_postgres
def test_day_that_two_close_at_once_is_closed_once_with_all_its_mail(postgres_database: Database) -> None:
    """On a database server the dispatcher and the workers all come upon midnight at the same moment."""
    values = {"count": 4, "count_date": "2026-03-10"}
    account_id = postgres_database.write(lambda session: add_account(session, **values))
    both_read, counted = Event(), Event()

    def close_first(session: Session) -> int:
        found = outbox.accounts(session)
        both_read.wait(10)
        with_one_more = session.get_one(SenderAccount, account_id, with_for_update=True)
        with_one_more.count += 1
        session.flush()
        closed = account_days.close(session, found, "2026-03-11")
        counted.set()
        return closed

    def close_second(session: Session) -> int:
        found = outbox.accounts(session)
        both_read.set()
        counted.wait(10)
        return account_days.close(session, found, "2026-03-11")

    both = [gevent.spawn(postgres_database.write, close) for close in (close_first, close_second)]
    gevent.joinall(both, raise_error=True)

    assert [one.value for one in both] == [1, 0]
    with postgres_database.read() as session:
        account = session.get_one(SenderAccount, account_id)
        assert (account.count, account.count_date) == (0, "2026-03-11")
        assert [(one.day, one.sent) for one in session.query(AccountDay)] == [("2026-03-10", 5)]
