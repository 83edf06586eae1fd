import pytest

from appliance.config.settings import LimitsSettings
from appliance.db.database import Database
from appliance.db.models import ApiKey
from appliance.errors import TooManyFailures
from appliance.services.api_keys import ApiKeys
from appliance.services.key_limits import KeyLimits
from appliance.services.known_keys import MOST_REMEMBERED, hash_of, network_of
from tests.fakes import FakeClock, FakeTimer

ADDRESS, OTHER = "192.0.2.7", "192.0.2.8"


@pytest.fixture
def timer() -> FakeTimer:
    return FakeTimer()


@pytest.fixture
def keys(database: Database, clock: FakeClock, timer: FakeTimer) -> ApiKeys:
    return ApiKeys(database, LimitsSettings(failed_keys_per_minute=5), clock=clock, timer=timer)


def guess(keys: ApiKeys, times: int = 5, address: str = ADDRESS) -> None:
    for number in range(times):
        assert keys.authenticate(f"pr_guess_{number}", address) is None


def test_after_some_wrong_keys_no_other_is_looked_at(keys: ApiKeys) -> None:
    guess(keys)

    with pytest.raises(TooManyFailures) as raised:
        keys.authenticate("pr_guess", ADDRESS)

    assert 0 < raised.value.retry_after <= 12


def test_right_guess_is_refused_like_a_wrong_one(keys: ApiKeys) -> None:
    made = keys.create("acme", ["send"])
    guess(keys)

    with pytest.raises(TooManyFailures):
        keys.authenticate(made.secret, ADDRESS)

    assert keys.authenticate(made.secret, OTHER) is not None


def test_program_that_is_at_work_behind_the_same_address_goes_on(keys: ApiKeys, timer: FakeTimer) -> None:
    made = keys.create("acme", ["send"])
    keys.authenticate(made.secret, ADDRESS)
    guess(keys)

    timer.seconds += 2.0  # longer than it is remembered without a look

    assert keys.authenticate(made.secret, ADDRESS) is not None


def test_change_of_any_key_does_not_make_known_keys_strangers(keys: ApiKeys) -> None:
    made, other = keys.create("acme", ["send"]), keys.create("other", ["send"])
    keys.authenticate(made.secret, ADDRESS)
    guess(keys)

    keys.revoke(other.id)

    assert keys.authenticate(made.secret, ADDRESS) is not None


def test_after_a_while_keys_are_looked_at_again(keys: ApiKeys, timer: FakeTimer) -> None:
    made = keys.create("acme", ["send"])
    guess(keys)

    timer.seconds += 12.0

    assert keys.authenticate(made.secret, ADDRESS) is not None


def test_revoked_key_counts_as_wrong(keys: ApiKeys) -> None:
    made = keys.create("acme", ["send"])
    keys.authenticate(made.secret, ADDRESS)
    keys.revoke(made.id)

    for _ in range(5):
        assert keys.authenticate(made.secret, ADDRESS) is None

    with pytest.raises(TooManyFailures):
        keys.authenticate(made.secret, ADDRESS)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("a socket", "a socket"),
        ("", ""),
    ],
)
def test_whoever_has_an_ipv6_address_has_its_whole_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_memory_of_keys_is_bounded(keys: ApiKeys, database: Database) -> None:
    made = keys.create("acme", ["send"])
    keys.authenticate(made.secret)
    known = keys._known._known
    found = known[hash_of(made.secret)]
    for number in range(MOST_REMEMBERED + 10):
        known[f"hash {number}"] = found

    assert keys.authenticate(keys.create("another", ["send"]).secret) is not None
    assert len(known) == 1


def test_key_without_a_limit_has_that_of_the_configuration(database: Database, clock: FakeClock) -> None:
    standard = LimitsSettings(key_requests_per_minute=600, key_daily_messages=1000)
    keys = ApiKeys(database, standard, clock=clock)
    plain, own = keys.create("plain", ["send"]), keys.create("own", ["send"], limits=KeyLimits(7, 8))

    callers = [keys.authenticate(made.secret) for made in (plain, own)]

    assert [caller.limits for caller in callers if caller] == [KeyLimits(600, 1000), KeyLimits(7, 8)]


def test_without_configuration_there_is_no_limit(keys: ApiKeys) -> None:
    caller = keys.authenticate(keys.create("plain", ["send"]).secret)

    assert caller is not None
    assert caller.limits == KeyLimits()
    assert keys.admit(caller) is None


def test_key_is_stored_as_a_hash_alone(keys: ApiKeys, database: Database) -> None:
    made = keys.create("acme", ["send"])

    with database.read() as session:
        stored = session.get(ApiKey, made.id)

    assert stored is not None
    assert stored.secret_hash == hash_of(made.secret)
