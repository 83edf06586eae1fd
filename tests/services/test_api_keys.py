from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from appliance.config.settings import LimitsSettings
from appliance.db.database import Database
from appliance.db.models import ApiKey, AuditEntry, SenderAccount
from appliance.db.queries import access
from appliance.errors import InvalidInput, NotAllowed, NotFound, RateLimited, WrongState
from appliance.services.api_keys import ApiKeys
from appliance.services.key_limits import KeyLimits
from tests.factories import add_account
from tests.fakes import FakeClock, FakeTimer


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


def audited(database: Database, key_id: str) -> list[tuple[str, dict[str, Any]]]:
    with database.read() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.target == key_id).order_by(AuditEntry.id))
        return [(row.action, row.detail) for row in rows]


def test_disabled_key_opens_nothing_until_it_is_enabled(keys: ApiKeys) -> None:
    made = keys.create("acme", ["send"])
    assert keys.authenticate(made.secret)

    keys.disable(made.id)
    assert keys.authenticate(made.secret) is None
    keys.enable(made.id)

    assert keys.authenticate(made.secret) is not None


def test_change_holds_from_the_next_request_on(keys: ApiKeys) -> None:
    made = keys.create("acme", ["send"])
    keys.authenticate(made.secret)

    keys.change(made.id, {"scopes": ("read",), "daily_limit": 5, "allowed_from": ("A@Example.com",)})

    caller = keys.authenticate(made.secret)
    assert caller is not None
    assert caller.scopes == {"read"}
    assert caller.limits == KeyLimits(daily_limit=5, allowed_from=("a@example.com",))


def test_revoked_key_cannot_be_changed_or_enabled(keys: ApiKeys) -> None:
    made = keys.create("acme", ["send"])
    keys.revoke(made.id)

    for change in (keys.enable, keys.disable):
        with pytest.raises(WrongState, match="for good"):
            change(made.id)
    with pytest.raises(NotFound):
        keys.change("key_none", {"name": "x"})


def test_account_that_there_is_not_cannot_be_allowed_and_one_that_was_deleted_may_stay(
    keys: ApiKeys, database: Database, clock: FakeClock
) -> None:
    account = database.write(add_account)
    with pytest.raises(InvalidInput):
        keys.create("acme", ["send"], limits=KeyLimits(allowed_accounts=(account, "acc_none")))
    made = keys.create("acme", ["send"], limits=KeyLimits(allowed_accounts=(account,)))
    database.write(lambda s: s.execute(update(SenderAccount).values(deleted_at=clock())))

    keys.change(made.id, {"name": "still acme"})

    with pytest.raises(InvalidInput):
        keys.create("other", ["send"], limits=KeyLimits(allowed_accounts=(account,)))


def test_every_change_leaves_an_entry_without_the_secret(keys: ApiKeys, database: Database) -> None:
    made = keys.create("acme", ["send"], limits=KeyLimits(daily_limit=5))
    keys.change(made.id, {"daily_limit": 7})
    keys.change(made.id, {"daily_limit": 7})  # changes nothing
    keys.disable(made.id)
    keys.revoke(made.id)
    keys.revoke(made.id)

    found = audited(database, made.id)

    assert [action for action, _ in found] == ["key.created", "key.changed", "key.changed", "key.revoked"]
    assert found[0][1]["daily_limit"] == 5
    assert [detail for _, detail in found[1:3]] == [{"daily_limit": [5, 7]}, {"active": [True, False]}]
    assert made.secret not in repr(found)


def test_maker_gives_no_more_than_it_has(keys: ApiKeys, database: Database) -> None:
    chief = keys.authenticate(keys.create("chief", ["manage"]).secret)

    with pytest.raises(NotAllowed):
        keys.create("acme", ["send"], by=chief)
    other = keys.create("acme", ["send", "read"])
    with pytest.raises(NotAllowed):
        keys.change(other.id, {"scopes": ("send", "read", "manage")}, by=chief)
    keys.change(other.id, {"name": "renamed"}, by=chief)

    with database.read() as session:
        assert len(access.api_keys(session)) == 2


def test_requests_beyond_the_limit_are_refused_with_the_time_to_wait(keys: ApiKeys, timer: FakeTimer) -> None:
    caller = keys.authenticate(keys.create("acme", ["send"], limits=KeyLimits(requests_per_minute=2)).secret)
    assert caller is not None
    rates = [keys.admit(caller) for _ in range(2)]

    with pytest.raises(RateLimited) as raised:
        keys.admit(caller)

    assert [rate.remaining for rate in rates if rate] == [1, 0]
    assert raised.value.retry_after == pytest.approx(30.0)
    timer.seconds += 30.0
    assert keys.admit(caller) is not None


def test_key_under_limits_of_the_configuration_makes_another_one_under_the_same(
    database: Database, clock: FakeClock
) -> None:
    keys = ApiKeys(database, LimitsSettings(key_requests_per_minute=600, key_daily_messages=1000), clock=clock)
    chief = keys.authenticate(keys.create("chief", ["send", "manage"]).secret)

    made = keys.create("shop", ["send"], by=chief)
    keys.change(made.id, {"daily_limit": 1000}, by=chief)
    keys.change(made.id, {"daily_limit": None}, by=chief)

    with pytest.raises(NotAllowed, match="daily_limit"):
        keys.change(made.id, {"daily_limit": 1001}, by=chief)


def test_no_number_is_no_way_around_a_lower_limit(database: Database, clock: FakeClock) -> None:
    keys = ApiKeys(database, LimitsSettings(key_daily_messages=1000), clock=clock)
    chief = keys.authenticate(keys.create("chief", ["send", "manage"], limits=KeyLimits(daily_limit=10)).secret)
    assert chief is not None

    with pytest.raises(NotAllowed, match="daily_limit"):
        keys.create("shop", ["send"], by=chief)
    with pytest.raises(NotAllowed, match="daily_limit"):
        keys.change(chief.api_key_id, {"daily_limit": None}, by=chief)
