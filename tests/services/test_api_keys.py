from datetime import timedelta

import pytest

from appliance.db.database import Database
from appliance.db.models import ApiKey
from appliance.errors import InvalidInput, NotFound
from appliance.services.api_keys import MOST_REMEMBERED, ApiKeys
from tests.fakes import FakeClock


class FakeTimer:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def timer() -> FakeTimer:
    return FakeTimer()


@pytest.fixture
def keys(database: Database, clock: FakeClock, timer: FakeTimer) -> ApiKeys:
    return ApiKeys(database, clock=clock, timer=timer)


@pytest.fixture
def command_line(database: Database, clock: FakeClock) -> ApiKeys:
    """Another process on the same database."""
    return ApiKeys(database, clock=clock)


def test_key_opens_what_its_scopes_say(keys: ApiKeys) -> None:
    made = keys.create("acme", ["send", "read", "send"])

    caller = keys.authenticate(made.secret)

    assert caller is not None
    assert (caller.api_key_id, caller.name, caller.scopes) == (made.id, "acme", {"send", "read"})
    assert caller.sees_only == made.id


def test_key_that_may_manage_sees_everything(keys: ApiKeys) -> None:
    caller = keys.authenticate(keys.create("acme", ["manage"]).secret)

    assert caller is not None
    assert caller.sees_only is None


def test_secret_is_nowhere_in_the_database(keys: ApiKeys, database: Database) -> None:
    made = keys.create("acme", ["send"])

    with database.read() as session:
        stored = session.get(ApiKey, made.id)
        assert stored is not None
        assert made.secret not in repr(vars(stored))
    assert made.secret.startswith("pr_")
    assert len(made.secret) >= 40


@pytest.mark.parametrize("secret", ["", "pr_wrong", "pr_\udcff", "x" * 10_000])
def test_wrong_secret_opens_nothing(keys: ApiKeys, secret: str) -> None:
    keys.create("acme", ["send"])

    assert keys.authenticate(secret) is None


def test_revoked_key_opens_nothing_at_once(keys: ApiKeys) -> None:
    made = keys.create("acme", ["send"])
    assert keys.authenticate(made.secret)

    keys.revoke(made.id)

    assert keys.authenticate(made.secret) is None


def test_key_that_another_process_revokes_works_for_a_second_at_most(
    keys: ApiKeys, command_line: ApiKeys, timer: FakeTimer
) -> None:
    made = keys.create("acme", ["send"])
    keys.authenticate(made.secret)
    command_line.revoke(made.id)
    timer.seconds += 1.0
    assert keys.authenticate(made.secret) is not None

    timer.seconds += 0.01

    assert keys.authenticate(made.secret) is None


def test_key_that_another_process_makes_works_at_once(keys: ApiKeys, command_line: ApiKeys) -> None:
    made = command_line.create("acme", ["send"])

    assert keys.authenticate(made.secret) is not None


def test_remembered_key_expires_on_time(keys: ApiKeys, clock: FakeClock) -> None:
    made = keys.create("acme", ["send"], expires_at=clock() + timedelta(hours=1))
    assert keys.authenticate(made.secret)

    clock.advance(hours=1)

    assert keys.authenticate(made.secret) is None


def test_memory_of_keys_is_bounded(keys: ApiKeys) -> None:
    good = keys.create("acme", ["send"])
    for number in range(MOST_REMEMBERED + 10):
        keys._known[f"hash {number}"] = keys._known.get("x")  # type: ignore[assignment]

    assert keys.authenticate(good.secret) is not None
    assert len(keys._known) == 1


def test_revoking_twice_keeps_the_first_moment(keys: ApiKeys, database: Database, clock: FakeClock) -> None:
    made, first = keys.create("acme", ["send"]), clock()
    keys.revoke(made.id)
    clock.advance(hours=1)

    keys.revoke(made.id)

    with database.read() as session:
        stored = session.get(ApiKey, made.id)
        assert stored is not None
        assert stored.revoked_at == first


def test_unknown_key_cannot_be_revoked(keys: ApiKeys) -> None:
    with pytest.raises(NotFound):
        keys.revoke("key_none")


@pytest.mark.parametrize(
    ("name", "scopes", "fields"),
    [
        (" ", ["send"], {"name"}),
        ("x" * 201, ["send"], {"name"}),
        ("acme", ["fly"], {"scopes"}),
        ("acme", [], {"scopes"}),
        ("", ["fly"], {"name", "scopes"}),
    ],
)
def test_key_that_breaks_a_rule_is_not_made(keys: ApiKeys, name: str, scopes: list[str], fields: set[str]) -> None:
    with pytest.raises(InvalidInput) as raised:
        keys.create(name, scopes)

    assert {error.field for error in raised.value.errors} == fields
