import pytest
from gevent.threadpool import ThreadPool

from appliance.db.database import Database
from appliance.errors import InvalidInput
from appliance.services.setup import Setup, TokenState
from appliance.services.users import Users
from tests.fakes import FakeClock

PASSWORD = "a password of alice"


@pytest.fixture
def users(database: Database, native: ThreadPool, clock: FakeClock) -> Users:
    return Users(database, run_native=native.apply, clock=clock)


@pytest.fixture
def tokens() -> list[str]:
    """What the log showed."""
    return []


@pytest.fixture
def setup(users: Users, clock: FakeClock, tokens: list[str]) -> Setup:
    setup = Setup(users, minutes=30, clock=clock)
    setup.begin(tokens.append)
    return setup


def test_shown_token_creates_the_first_user_once(setup: Setup, users: Users, tokens: list[str]) -> None:
    assert (setup.pending(), setup.check(tokens[0])) == (True, TokenState.GOOD)

    user_id = setup.create_first_user(tokens[0], "alice", PASSWORD)

    found = users.authenticate("alice", PASSWORD)
    assert found is not None
    assert (found.id, setup.pending()) == (user_id, False)
    assert setup.create_first_user(tokens[0], "eve", PASSWORD) is TokenState.DONE
    assert setup.check("anything") is TokenState.DONE


@pytest.mark.parametrize("token", ["", "wrong", "ünïcode", "x" * 10_000])
def test_wrong_token_creates_nobody(setup: Setup, users: Users, token: str) -> None:
    assert setup.create_first_user(token, "eve", PASSWORD) is TokenState.WRONG
    assert not users.exist()


def test_expired_token_is_replaced_and_the_new_one_shown(setup: Setup, clock: FakeClock, tokens: list[str]) -> None:
    clock.advance(minutes=30)

    assert setup.check(tokens[0]) is TokenState.EXPIRED

    assert len(set(tokens)) == 2
    assert [setup.check(token) for token in tokens] == [TokenState.WRONG, TokenState.GOOD]


def test_refused_form_leaves_the_token_good(setup: Setup, tokens: list[str]) -> None:
    with pytest.raises(InvalidInput):
        setup.create_first_user(tokens[0], "alice", "short")

    assert setup.check(tokens[0]) is TokenState.GOOD


def test_nothing_is_shown_when_somebody_can_sign_in(users: Users, clock: FakeClock, tokens: list[str]) -> None:
    users.create("alice", PASSWORD)

    Setup(users, minutes=30, clock=clock).begin(tokens.append)

    assert tokens == []


def test_token_of_an_earlier_process_is_wrong(setup: Setup, users: Users, clock: FakeClock, tokens: list[str]) -> None:
    anew = Setup(users, minutes=30, clock=clock)
    anew.begin(tokens.append)

    assert anew.check(tokens[0]) is TokenState.WRONG
