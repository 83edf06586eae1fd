import threading
from datetime import timedelta
from typing import Any

import pytest

from appliance.db.database import Database
from appliance.db.models import ApiKey
from appliance.db.models.api_key import KeyState
from appliance.db.models.base import insert_rows
from tests.fakes import NOON
from tests.services_up import needs_postgres

TODAY, TOMORROW = "2026-03-10", "2026-03-11"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def either(request: pytest.FixtureRequest) -> Database:
    """Each test runs on both kinds of database."""
    name = "database" if request.param == "sqlite" else "postgres_database"
    found: Database = request.getfixturevalue(name)
    return found


def add(database: Database, key_id: str = "key_1", **fields: Any) -> None:
    row = {"id": key_id, "name": "shop", "secret_hash": "0" * 64, "scopes": ["send"], "created_at": NOON}
    database.write(lambda session: insert_rows(session, ApiKey, row | fields))


def key_of(database: Database, key_id: str = "key_1") -> ApiKey:
    with database.read() as session:
        found = session.get(ApiKey, key_id)
        assert found is not None
        return found


def reserve(database: Database, messages: int, today: str = TODAY, limit: int = 20) -> int | None:
    return database.write(lambda session: ApiKey.reserve(session, "key_1", messages, today=today, limit=limit))


def test_messages_are_taken_out_of_the_limit_all_or_none(either: Database) -> None:
    add(either)

    assert reserve(either, 15) == 5
    assert reserve(either, 6) is None
    assert reserve(either, 5) == 0
    assert reserve(either, 1) is None
    assert key_of(either).used_on(TODAY) == 20


def test_next_day_counts_from_nothing(either: Database) -> None:
    add(either)
    reserve(either, 20)

    assert key_of(either).used_on(TOMORROW) == 0
    assert reserve(either, 1, today=TOMORROW) == 19
    assert key_of(either).count_date == TOMORROW


def test_clock_that_is_set_back_starts_no_limit_anew(either: Database) -> None:
    add(either)
    reserve(either, 18, today=TOMORROW)

    assert reserve(either, 3, today=TODAY) is None
    assert reserve(either, 2, today=TODAY) == 0
    assert (key_of(either).count_date, key_of(either).count) == (TOMORROW, 20)


def test_limit_that_was_lowered_below_the_count_lets_nothing_through(either: Database) -> None:
    add(either)
    reserve(either, 20)

    assert reserve(either, 1, limit=5) is None


def test_of_many_at_once_exactly_as_many_as_the_limit_get_through(either: Database) -> None:
    add(either)
    taken: list[int | None] = []
    threads = [threading.Thread(target=lambda: taken.append(reserve(either, 1))) for _ in range(50)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(left for left in taken if left is not None) == list(range(20))
    assert key_of(either).used_on(TODAY) == 20


def test_last_use_only_goes_forward(either: Database) -> None:
    add(either)
    add(either, "key_2", last_used_at=NOON)
    later, earlier = NOON + timedelta(minutes=1), NOON - timedelta(minutes=1)

    either.write(lambda session: ApiKey.note_uses(session, {"key_1": later, "key_2": earlier, "key_gone": later}))

    assert key_of(either).last_used_at == later
    assert key_of(either, "key_2").last_used_at == NOON


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, KeyState.ACTIVE),
        ({"active": False}, KeyState.DISABLED),
        ({"expires_at": NOON}, KeyState.EXPIRED),
        ({"expires_at": NOON + timedelta(seconds=1)}, KeyState.ACTIVE),
        ({"expires_at": NOON, "active": False}, KeyState.EXPIRED),
        ({"revoked_at": NOON, "expires_at": NOON, "active": False}, KeyState.REVOKED),
    ],
)
def test_state_is_the_one_that_is_hardest_to_undo(database: Database, fields: dict[str, Any], state: KeyState) -> None:
    add(database, **fields)

    assert key_of(database).state(NOON) is state


def test_new_key_is_active_and_without_limits(database: Database) -> None:
    add(database)

    key = key_of(database)

    assert (key.active, key.daily_limit, key.requests_per_minute) == (True, None, None)
    assert (key.allowed_accounts, key.allowed_from, key.used_on(TODAY)) == ([], [], 0)
