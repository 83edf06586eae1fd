"""What administrators change about people, and that one of them always stays."""

from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event
from gevent.threadpool import ThreadPool
from sqlalchemy.orm import Session

from appliance.config.settings import WebSettings
from appliance.db.database import Database
from appliance.db.models import User
from appliance.db.models.audit_entry import ActorKind
from appliance.db.queries import access
from appliance.errors import Forbidden, InvalidInput, NotFound, StorageUnavailable, WrongState
from appliance.services import audit
from appliance.services.audit import Actor
from appliance.services.passwords import Passwords
from appliance.services.sessions import Sessions
from appliance.services.user_changes import UserChanges
from appliance.services.users import Users
from tests.fakes import FakeClock
from tests.services_up import needs_postgres

Act = Callable[[UserChanges], object]

ALL: dict[str, Act] = {
    "set_role": lambda changes: changes.set_role("usr_bob", "viewer"),
    "disable": lambda changes: changes.disable("usr_bob"),
    "enable": lambda changes: changes.enable("usr_bob"),
    "remove": lambda changes: changes.remove("usr_bob"),
    "reset_password": lambda changes: changes.reset_password("usr_bob"),
    "remove_second_factor": lambda changes: changes.remove_second_factor("usr_bob"),
    "sign_out": lambda changes: changes.sign_out("usr_bob"),
}
LOCKS_OUT: list[Act] = [
    lambda changes: changes.set_role("usr_alice", "operator"),
    lambda changes: changes.disable("usr_alice"),
    lambda changes: changes.remove("usr_alice"),
]


def add(database: Database, clock: FakeClock, name: str, role: str) -> None:
    user = User(id=f"usr_{name}", name=name, password_hash="", role=role, created_at=clock())
    database.write(lambda session: session.merge(user))


@pytest.fixture
def changes(database: Database, native: ThreadPool, clock: FakeClock) -> UserChanges:
    """Of alice, the only administrator, and bob, an operator."""
    add(database, clock, "alice", "administrator")
    add(database, clock, "bob", "operator")
    return UserChanges(database, Passwords(native.apply), clock=clock)


def user(database: Database, user_id: str) -> User | None:
    with database.read() as session:
        return access.user(session, user_id)


@pytest.mark.parametrize("act", LOCKS_OUT)
def test_the_last_administrator_stays_one(changes: UserChanges, database: Database, act: Act) -> None:
    with pytest.raises(WrongState, match="last administrator"):
        act(changes)

    alice = user(database, "usr_alice")
    assert alice is not None
    assert (alice.role, alice.active) == ("administrator", True)


@pytest.mark.parametrize("act", LOCKS_OUT)
def test_one_of_two_administrators_may_go(changes: UserChanges, database: Database, clock: FakeClock, act: Act) -> None:
    add(database, clock, "carol", "administrator")

    act(changes)

    with database.read() as session:
        assert User.lock_administrators(session) == {"usr_carol"}


def test_a_disabled_administrator_does_not_count(changes: UserChanges, database: Database, clock: FakeClock) -> None:
    add(database, clock, "carol", "administrator")
    changes.disable("usr_carol")

    with pytest.raises(WrongState):
        changes.disable("usr_alice")


@pytest.mark.postgres
@needs_postgres
def test_two_administrators_who_demote_each_other_at_once_leave_one(
    postgres_database: Database, native: ThreadPool, clock: FakeClock
) -> None:
    for name in ("alice", "carol"):
        add(postgres_database, clock, name, "administrator")
    changes = UserChanges(postgres_database, Passwords(native.apply), clock=clock)

    def demote(user_id: str) -> str:
        try:
            changes.set_role(user_id, "viewer")
        except WrongState:
            return "refused"
        return "done"

    both = [gevent.spawn(demote, f"usr_{name}") for name in ("alice", "carol")]
    gevent.joinall(both, raise_error=True)

    assert sorted(one.value for one in both) == ["done", "refused"]


@pytest.mark.parametrize(
    "what", ["set_role", "disable", "remove", "reset_password", "remove_second_factor", "sign_out"]
)
def test_who_is_changed_is_signed_out(changes: UserChanges, database: Database, clock: FakeClock, what: str) -> None:
    sessions = Sessions(database, WebSettings(), clock=clock)
    token = sessions.begin("usr_bob", address="", device="")

    ALL[what](changes)

    assert sessions.look(token) is None


def test_a_new_password_works_and_must_be_changed(
    changes: UserChanges, database: Database, native: ThreadPool, clock: FakeClock
) -> None:
    password = changes.reset_password("usr_bob")

    found = Users(database, run_native=native.apply, clock=clock).authenticate("bob", password)
    assert found is not None
    assert found.must_change_password


def test_a_removed_user_takes_the_sessions_along(changes: UserChanges, database: Database, clock: FakeClock) -> None:
    Sessions(database, WebSettings(), clock=clock).begin("usr_bob", address="", device="")

    changes.remove("usr_bob")

    assert user(database, "usr_bob") is None
    with database.read() as session:
        assert access.sessions_of(session, "usr_bob") == []


def test_enabled_again_the_user_is_as_before(changes: UserChanges, database: Database) -> None:
    changes.disable("usr_bob")
    changes.enable("usr_bob")

    bob = user(database, "usr_bob")
    assert bob is not None
    assert (bob.active, bob.role) == (True, "operator")


def test_a_role_that_there_is_not_is_refused(changes: UserChanges) -> None:
    with pytest.raises(InvalidInput):
        changes.set_role("usr_bob", "emperor")


@pytest.mark.parametrize("what", ALL)
def test_only_administrators_change_people(changes: UserChanges, what: str) -> None:
    for role in ("operator", "viewer", ""):
        with audit.act_as(Actor(ActorKind.USER, "usr_bob", "bob", role=role)), pytest.raises(Forbidden):
            ALL[what](changes)


@pytest.mark.parametrize("what", ALL)
def test_somebody_who_is_not_there_is_not_changed(changes: UserChanges, what: str) -> None:
    changes.remove("usr_bob")

    with pytest.raises(NotFound):
        ALL[what](changes)


@pytest.mark.postgres
@needs_postgres
@pytest.mark.parametrize("what", ["set_role", "disable", "reset_password", "remove_second_factor", "sign_out"])
def test_so_is_who_comes_in_at_the_same_moment(
    postgres_database: Database, native: ThreadPool, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    add(postgres_database, clock, "alice", "administrator")
    add(postgres_database, clock, "bob", "operator")
    sessions = Sessions(postgres_database, WebSettings(), clock=clock)
    changes = UserChanges(postgres_database, Passwords(native.apply), clock=clock)
    locked, half_way = User.locked, Event()

    def slowly(session: Session, user_id: str) -> User | None:
        found = locked(session, user_id)
        if not half_way.is_set():
            half_way.set()
            gevent.sleep(1)
        return found

    monkeypatch.setattr(User, "locked", slowly)
    coming_in = gevent.spawn(sessions.begin, "usr_bob", address="", device="")
    half_way.wait()
    ALL[what](changes)

    assert sessions.look(coming_in.get()) is None


@pytest.mark.parametrize(
    "what", ["set_role", "disable", "remove", "reset_password", "remove_second_factor", "sign_out"]
)
def test_so_is_who_came_in_while_the_disk_was_full(
    database: Database, native: ThreadPool, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    add(database, clock, "alice", "administrator")
    add(database, clock, "bob", "operator")
    sessions = Sessions(database, WebSettings(), clock=clock)
    changes = UserChanges(database, Passwords(native.apply), clock=clock, forget=sessions.forget)

    def refuse(_fn: object) -> object:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(database, "write", refuse)
        token = sessions.begin("usr_bob", address="", device="")
    assert sessions.look(token) is not None

    ALL[what](changes)

    assert sessions.look(token) is None
