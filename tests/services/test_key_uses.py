from datetime import datetime, timedelta

import pytest

from appliance.db.database import Database
from appliance.db.models import ApiKey
from appliance.errors import StorageUnavailable
from appliance.services.api_keys import ApiKeys
from appliance.services.key_uses import WRITE_SECONDS
from tests.fakes import FakeClock, FakeTimer


@pytest.fixture
def timer() -> FakeTimer:
    return FakeTimer()


@pytest.fixture
def keys(database: Database, clock: FakeClock, timer: FakeTimer) -> ApiKeys:
    return ApiKeys(database, clock=clock, timer=timer)


def stored(database: Database, key_id: str) -> ApiKey:
    with database.read() as session:
        found = session.get(ApiKey, key_id)
        assert found is not None
        return found


def last_used(database: Database, key_id: str) -> datetime | None:
    return stored(database, key_id).last_used_at


def test_requests_write_nothing(keys: ApiKeys, database: Database, timer: FakeTimer) -> None:
    made = keys.create("acme", ["send"])
    writes = database.writer.statistics.writes  # type: ignore[attr-defined]

    for _ in range(50):
        timer.seconds += 0.5
        keys.authenticate(made.secret)
        keys.uses.turn() if timer.seconds < 100 + WRITE_SECONDS else None

    assert database.writer.statistics.writes == writes  # type: ignore[attr-defined]
    assert last_used(database, made.id) is None


def test_all_uses_are_one_write_when_it_is_time(
    keys: ApiKeys, database: Database, clock: FakeClock, timer: FakeTimer
) -> None:
    one, other = keys.create("one", ["send"]), keys.create("other", ["send"])
    keys.authenticate(one.secret)
    clock.advance(seconds=5)
    keys.authenticate(other.secret)
    writes = database.writer.statistics.writes  # type: ignore[attr-defined]
    keys.uses.turn()
    assert last_used(database, one.id) is None

    timer.seconds += WRITE_SECONDS
    keys.uses.turn()
    keys.uses.turn()

    assert database.writer.statistics.writes == writes + 1  # type: ignore[attr-defined]
    assert last_used(database, one.id) == clock() - timedelta(seconds=5)
    assert last_used(database, other.id) == clock()


def test_last_use_is_known_before_it_is_written(keys: ApiKeys, database: Database, clock: FakeClock) -> None:
    made = keys.create("acme", ["send"])
    assert keys.uses.last(stored(database, made.id)) is None

    keys.authenticate(made.secret)

    assert keys.uses.last(stored(database, made.id)) == clock()
    keys.uses.write_down()
    assert keys.uses.last(stored(database, made.id)) == clock()


def test_wrong_and_disabled_keys_are_not_used(keys: ApiKeys, database: Database) -> None:
    made = keys.create("acme", ["send"])
    keys.disable(made.id)

    keys.authenticate(made.secret)
    keys.authenticate("pr_wrong")
    keys.uses.write_down()

    assert last_used(database, made.id) is None


def test_what_the_database_cannot_take_is_written_the_next_time(
    keys: ApiKeys, database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = keys.create("acme", ["send"])
    keys.authenticate(made.secret)

    def full(_fn: object) -> None:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(database.writer, "write", full)
        keys.uses.write_down()
    keys.uses.write_down()

    assert last_used(database, made.id) == clock()
