from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from appliance.db.database import Database
from appliance.db.models import Event, SenderAccount
from appliance.db.models.sender_account import AccountState
from tests.factories import add_account
from tests.fakes import NOON

TODAY, YESTERDAY, TOMORROW = "2026-03-10", "2026-03-09", "2026-03-11"
SOON = NOON + timedelta(seconds=30)


def account(database: Database, **overrides: Any) -> str:
    return database.write(lambda session: add_account(session, **overrides))


def found(database: Database, account_id: str) -> SenderAccount:
    with database.read() as session:
        row = session.get(SenderAccount, account_id)
        assert row is not None
        return row


def reserve(database: Database, account_id: str, count: int, today: str = TODAY) -> bool:
    return database.write(lambda session: SenderAccount.reserve(session, account_id, count, today=today, now=NOON))


def refund(database: Database, account_id: str, count: int, day: str = TODAY) -> bool:
    return database.write(lambda session: SenderAccount.refund(session, account_id, count, day=day))


def test_reservation_takes_all_or_nothing(database: Database) -> None:
    limited = account(database, daily_limit=5)

    answers = [reserve(database, limited, count) for count in (3, 3, 2, 1)]

    assert answers == [True, False, True, False]
    assert found(database, limited).count == 5


def test_account_without_a_limit_takes_any_number(database: Database) -> None:
    unlimited = account(database)

    assert reserve(database, unlimited, 100_000)
    assert found(database, unlimited).remaining(TODAY) is None


@pytest.mark.parametrize("overrides", [{"active": False}, {"deleted_at": NOON}])
def test_account_out_of_use_takes_nothing(database: Database, overrides: dict[str, Any]) -> None:
    assert not reserve(database, account(database, **overrides), 1)


def test_count_of_an_earlier_day_is_zero(database: Database) -> None:
    used_up = account(database, daily_limit=5, count=5, count_date=YESTERDAY)

    assert found(database, used_up).remaining(TODAY) == 5
    assert reserve(database, used_up, 1)
    assert (found(database, used_up).count, found(database, used_up).count_date) == (1, TODAY)


def test_clock_set_back_does_not_start_the_count_anew(database: Database) -> None:
    used_up = account(database, daily_limit=5, count=4, count_date=TOMORROW)

    answers = [reserve(database, used_up, 1), reserve(database, used_up, 1)]

    assert answers == [True, False]
    assert (found(database, used_up).count, found(database, used_up).count_date) == (5, TOMORROW)


def test_refund_never_goes_below_zero_and_only_to_its_day(database: Database) -> None:
    one = account(database, count=2, count_date=TODAY)

    assert not refund(database, one, 1, YESTERDAY)
    assert found(database, one).count == 2
    assert refund(database, one, 5)
    assert found(database, one).count == 0


def test_breaker_counts_messages_that_fail_together_once(database: Database) -> None:
    one = account(database)

    def trip() -> bool:
        return database.write(
            lambda s: SenderAccount.trip(
                s, one, known_failures=0, now=NOON, rest=timedelta(seconds=30), error="login refused"
            )
        )

    assert [trip(), trip()] == [True, False]
    row = found(database, one)
    assert (row.breaker_failures, row.breaker_until, row.last_error, row.last_error_at) == (
        1,
        SOON,
        "login refused",
        NOON,
    )


def test_half_open_breaker_lets_one_through(database: Database) -> None:
    one = account(database, breaker_failures=1, breaker_until=NOON)

    probes = [database.write(lambda s: SenderAccount.probe(s, one, now=NOON, until=SOON)) for _ in range(2)]

    assert probes == [True, False]
    assert found(database, one).breaker_until == SOON


def test_open_and_closed_breakers_are_not_probed(database: Database) -> None:
    resting, closed = account(database, breaker_until=SOON), account(database)

    for one in (resting, closed):
        assert not database.write(lambda s, one=one: SenderAccount.probe(s, one, now=NOON, until=SOON))


def test_breaker_is_closed_once(database: Database) -> None:
    one = account(database, breaker_failures=3, breaker_until=NOON)

    closings = [database.write(lambda s: SenderAccount.close_breaker(s, one, now=NOON)) for _ in range(2)]

    assert closings == [True, False]
    assert found(database, one).breaker_failures == 0


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, AccountState.READY),
        ({"active": False, "breaker_until": SOON}, AccountState.PAUSED),
        ({"breaker_until": SOON}, AccountState.RESTING),
        ({"breaker_until": NOON}, AccountState.PROBING),
        ({"daily_limit": 1, "count": 1, "count_date": TODAY}, AccountState.FULL),
        ({"daily_limit": 1, "count": 1, "count_date": TODAY, "breaker_until": NOON}, AccountState.FULL),
        ({"daily_limit": 1, "count": 1, "count_date": YESTERDAY}, AccountState.READY),
        ({"daily_limit": 1, "count": 1, "count_date": TOMORROW}, AccountState.FULL),
        ({"daily_limit": 0}, AccountState.FULL),
    ],
)
def test_state_follows_from_switch_breaker_and_count(
    database: Database, fields: dict[str, Any], state: AccountState
) -> None:
    assert found(database, account(database, **fields)).state(NOON, TODAY) is state


def told(database: Database) -> list[tuple[str, str | None]]:
    """Kind and account of each event, the oldest first."""
    with database.read() as session:
        return [(event.kind, event.account_id) for event in session.scalars(select(Event).order_by(Event.id))]


def test_breaker_that_opens_and_closes_is_told_once_each(database: Database) -> None:
    one = account(database)

    for failures in (0, 0, 1, 2):
        database.write(
            lambda s, known=failures: SenderAccount.trip(
                s, one, known_failures=known, now=NOON, rest=timedelta(seconds=30), error="login refused"
            )
        )
    for _ in range(2):
        database.write(lambda s: SenderAccount.close_breaker(s, one, now=NOON))

    assert told(database) == [("account.broken", one), ("account.recovered", one)]


def test_limit_that_is_reached_is_told_once_a_day(database: Database) -> None:
    one = account(database, daily_limit=5)

    reserve(database, one, 4)
    before = told(database)
    reserve(database, one, 1)
    refund(database, one, 1)
    reserve(database, one, 1)
    today = told(database)
    reserve(database, one, 5, TOMORROW)

    assert (before, today, told(database)) == ([], [("account.exhausted", one)], [("account.exhausted", one)] * 2)


def test_account_without_a_limit_is_never_exhausted(database: Database) -> None:
    reserve(database, account(database), 1000)

    assert told(database) == []
