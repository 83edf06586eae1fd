"""A person changes the own password, and who knew the old one is out."""

from collections.abc import Callable

import gevent
import pytest
from gevent.threadpool import ThreadPool

from appliance.config.settings import WebSettings
from appliance.db.database import Database
from appliance.db.models import User
from appliance.db.queries import access
from appliance.errors import InvalidInput, StorageUnavailable
from appliance.services.own_password import OwnPassword
from appliance.services.passwords import Passwords, RunNative
from appliance.services.sessions import Sessions
from appliance.services.user_changes import UserChanges
from tests.fakes import FakeClock
from tests.waiting import wait_until

OLD, NEW = "the password of before", "the password from now on"


@pytest.fixture
def alice(database: Database, native: ThreadPool, clock: FakeClock) -> str:
    password_hash = Passwords(native.apply).hash(OLD)
    user = User(id="usr_alice", name="alice", password_hash=password_hash, created_at=clock())
    database.write(lambda session: session.merge(user))
    return user.id


def opens(database: Database, user_id: str, password: str, run_native: RunNative) -> bool:
    with database.read() as session:
        user = access.user(session, user_id)
    assert user is not None
    return Passwords(run_native).verify(user.password_hash, password)


def test_the_session_that_it_is_changed_in_goes_on_and_the_others_end(
    database: Database, native: ThreadPool, clock: FakeClock, alice: str
) -> None:
    sessions = Sessions(database, WebSettings(), clock=clock)
    here, elsewhere = (sessions.begin(alice, address="", device="") for _ in range(2))
    present = sessions.look(here)
    assert present is not None

    own = OwnPassword(database, Passwords(native.apply), clock=clock)
    own.change(alice, OLD, NEW, session_id=present.session_id)

    assert opens(database, alice, NEW, native.apply)
    assert (sessions.look(here) is None, sessions.look(elsewhere)) == (False, None)


def test_who_came_in_while_the_disk_was_full_is_out_as_well(
    database: Database, native: ThreadPool, clock: FakeClock, alice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = Sessions(database, WebSettings(), clock=clock)

    def refuse(_fn: object) -> object:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(database, "write", refuse)
        token = sessions.begin(alice, address="", device="")
    assert sessions.look(token) is not None

    own = OwnPassword(database, Passwords(native.apply), clock=clock, forget=sessions.forget_but)
    own.change(alice, OLD, NEW, session_id="ses_1")

    assert sessions.look(token) is None


def test_a_password_that_was_reset_meanwhile_is_not_overwritten(
    database: Database, native: ThreadPool, clock: FakeClock, alice: str
) -> None:
    """Whoever knows the old one and is quick must not undo what an administrator did about it."""
    given: list[str] = []

    def slow(work: Callable[[], object]) -> object:
        done = native.apply(work)
        if not given:  # the old password has just been found right
            given.append(UserChanges(database, Passwords(native.apply), clock=clock).reset_password(alice))
        return done

    with pytest.raises(InvalidInput, match="not your current password"):
        OwnPassword(database, Passwords(slow), clock=clock).change(alice, OLD, NEW, session_id="ses_1")

    assert opens(database, alice, given[0], native.apply)


def test_of_two_changes_at_the_same_time_one_is_taken(
    database: Database, native: ThreadPool, clock: FakeClock, alice: str
) -> None:
    """Each finds the password of before right, and has its own hashed, before either is written."""
    wanted = ["the password of the first", "the password of the second"]
    found_right: list[object] = []

    def together(work: Callable[[], object]) -> object:
        done = native.apply(work)
        found_right.append(done)
        wait_until(lambda: len(found_right) >= len(wanted))
        return done

    own = OwnPassword(database, Passwords(together), clock=clock)
    changes = [gevent.spawn(own.change, alice, OLD, one, session_id=f"ses_{one}") for one in wanted]
    gevent.joinall(changes, timeout=60)

    assert sorted(isinstance(one.exception, InvalidInput) for one in changes) == [False, True]
    for change, password in zip(changes, wanted, strict=True):
        assert opens(database, alice, password, native.apply) == change.successful()
