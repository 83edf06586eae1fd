import gevent
import pytest
from gevent.threadpool import ThreadPool

from appliance.config.settings import WebSettings
from appliance.db.database import Database
from appliance.db.models import User
from appliance.db.models.audit_entry import ActorKind
from appliance.db.queries import access
from appliance.errors import Conflict, Forbidden, InvalidInput, NotFound
from appliance.services import audit
from appliance.services.audit import Actor
from appliance.services.sessions import Sessions
from appliance.services.users import LONGEST_PASSWORD, Users
from tests.fakes import FakeClock
from tests.services_up import needs_postgres

PASSWORD = "a password of alice"


@pytest.fixture
def users(database: Database, native: ThreadPool, clock: FakeClock) -> Users:
    return Users(database, run_native=native.apply, clock=clock)


def test_right_password_signs_in_whatever_the_case_of_the_name(users: Users) -> None:
    assert not users.exist()
    user_id = users.create(" Alice ", PASSWORD)

    found = users.authenticate("alice", PASSWORD)

    assert users.exist()
    assert found is not None
    assert (found.id, found.name, found.role) == (user_id, "Alice", "administrator")


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", "wrong"), ("alice", ""), ("bob", PASSWORD), ("", ""), ("alice", PASSWORD + "x"), ("alice", "x" * 10**6)],
)
def test_anything_else_does_not(users: Users, name: str, password: str) -> None:
    users.create("alice", PASSWORD)

    assert users.authenticate(name, password) is None


def test_name_outside_ascii_signs_in(users: Users) -> None:
    users.create("Ärla 张伟", PASSWORD)

    assert users.authenticate("Ärla 张伟", PASSWORD) is not None


def test_unknown_name_costs_a_verification_too(database: Database, clock: FakeClock) -> None:
    verifications: list[str] = []

    def counting(fn):
        verifications.append("run")
        return fn()

    users = Users(database, run_native=counting, clock=clock)
    users.authenticate("nobody", PASSWORD)  # the first time also makes the hash to compare with
    verifications.clear()

    users.authenticate("nobody else", PASSWORD)

    assert verifications == ["run"]


def test_password_is_stored_as_an_argon2_hash(users: Users, database: Database) -> None:
    users.create("alice", PASSWORD)

    with database.read() as session:
        stored = session.query(User).one()
    assert stored.password_hash.startswith("$argon2id$")
    assert PASSWORD not in stored.password_hash


def test_account_with_a_damaged_hash_cannot_sign_in(users: Users, database: Database) -> None:
    users.create("alice", PASSWORD)
    database.write(lambda session: session.query(User).update({"password_hash": "damaged"}))

    assert users.authenticate("alice", PASSWORD) is None


def test_reset_changes_the_password_and_signs_out_everywhere(
    users: Users, database: Database, clock: FakeClock
) -> None:
    sessions = Sessions(database, WebSettings(), clock=clock)
    token = sessions.begin(users.create("alice", PASSWORD), address="127.0.0.1", device="a browser")

    users.reset_password("ALICE", "another password")

    assert users.authenticate("alice", PASSWORD) is None
    assert users.authenticate("alice", "another password") is not None
    assert sessions.look(token) is None


def test_reset_of_a_user_who_is_not_there_is_refused(users: Users) -> None:
    with pytest.raises(NotFound):
        users.reset_password("nobody", PASSWORD)


def test_name_is_given_once(users: Users) -> None:
    users.create("alice", PASSWORD)

    with pytest.raises(Conflict, match="Choose another name"):
        users.create("ALICE", PASSWORD)


def test_first_user_is_created_once_however_many_try(users: Users) -> None:
    def create(number: int) -> str:
        try:
            return users.create(f"user {number}", PASSWORD, first=True)
        except Conflict:
            return "too late"

    tries = [gevent.spawn(create, number) for number in range(5)]
    gevent.joinall(tries, raise_error=True)

    assert [one.value for one in tries].count("too late") == 4


@pytest.mark.parametrize(
    ("name", "password", "fields"),
    [
        ("", PASSWORD, {"name"}),
        ("x" * 201, PASSWORD, {"name"}),
        ("al\nice", PASSWORD, {"name"}),
        ("alice", "short", {"password"}),
        ("alice", "x" * (LONGEST_PASSWORD + 1), {"password"}),
        ("", "", {"name", "password"}),
    ],
)
def test_user_who_breaks_a_rule_is_not_made(users: Users, name: str, password: str, fields: set[str]) -> None:
    with pytest.raises(InvalidInput) as raised:
        users.create(name, password)

    assert {error.field for error in raised.value.errors} == fields
    assert not users.exist()


def test_user_of_a_role_that_there_is_not_is_not_made(users: Users) -> None:
    with pytest.raises(InvalidInput, match="administrator, operator or viewer"):
        users.create("alice", PASSWORD, "emperor")


def test_disabled_user_cannot_sign_in_and_is_refused_at_the_same_cost(database: Database, clock: FakeClock) -> None:
    verifications: list[str] = []

    def counting(fn):
        verifications.append("run")
        return fn()

    users = Users(database, run_native=counting, clock=clock)
    user_id = users.create("alice", PASSWORD)
    users.authenticate("nobody", PASSWORD)  # makes the hash to compare with
    database.write(lambda session: session.query(User).filter_by(id=user_id).update({"active": False}))
    verifications.clear()

    assert users.authenticate("alice", PASSWORD) is None
    assert verifications == ["run"]


def test_only_who_may_administer_makes_users(users: Users) -> None:
    with audit.act_as(Actor(ActorKind.USER, "usr_1", "bob", role="operator")), pytest.raises(Forbidden):
        users.create("eve", PASSWORD)
    with audit.act_as(Actor(ActorKind.ANONYMOUS, "", "somebody")), pytest.raises(Forbidden):
        users.reset_password("alice", PASSWORD)
    assert not users.exist()


@pytest.mark.postgres
@needs_postgres
def test_two_who_are_added_at_once_never_share_a_name(postgres_database: Database, clock: FakeClock) -> None:
    """In upper and lower case it is the same name, and with two of them neither would come in."""
    users = Users(postgres_database, run_native=lambda _work: "a hash", clock=clock)
    users.create("alice", PASSWORD)

    def add(name: str) -> str:
        try:
            users.create(name, PASSWORD)
        except Conflict:
            return "refused"
        return "added"

    both = [gevent.spawn(add, name) for name in ("Bob", "bob", "BOB", "boB")]
    gevent.joinall(both, raise_error=True)

    assert sorted(one.value for one in both) == ["added", "refused", "refused", "refused"]
    with postgres_database.read() as session:
        assert access.user_by_name(session, "bob") is not None


@pytest.mark.postgres
@needs_postgres
def test_of_several_first_ones_at_once_one_is_made(postgres_database: Database, clock: FakeClock) -> None:
    """As by a double click on the setup page, or by two people who both have the link."""
    users = Users(postgres_database, run_native=lambda _work: "a hash", clock=clock)

    def make(name: str) -> str:
        try:
            users.create(name, PASSWORD, first=True)
        except Conflict:
            return "refused"
        return "made"

    several = [gevent.spawn(make, name) for name in ("alice", "bob", "carol", "alice")]
    gevent.joinall(several, raise_error=True)

    assert sorted(one.value for one in several) == ["made", "refused", "refused", "refused"]
    with postgres_database.read() as session:
        assert len(access.users(session)) == 1
