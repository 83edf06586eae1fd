"""Who is signed in where, for how long, and how that ends."""

from datetime import timedelta

import gevent
import pytest
from sqlalchemy.orm import Session

from appliance.config.settings import WebSettings
from appliance.db.database import Database
from appliance.db.models import User, UserSession
from appliance.db.queries import access
from appliance.errors import Forbidden, StorageUnavailable
from appliance.services.sessions import SEEN_EVERY, Presence, Sessions
from tests.fakes import FakeClock
from tests.services_up import needs_postgres

SETTINGS = WebSettings(session_hours=12, session_idle_minutes=120)


@pytest.fixture
def alice(database: Database, clock: FakeClock) -> str:
    return add_alice(database, clock)


def add_alice(database: Database, clock: FakeClock) -> str:
    user = User(id="usr_alice", name="alice", password_hash="", role="operator", created_at=clock())
    database.write(lambda session: session.merge(user))
    return user.id


@pytest.fixture
def sessions(database: Database, clock: FakeClock) -> Sessions:
    return Sessions(database, SETTINGS, clock=clock)


def begin(sessions: Sessions, user_id: str) -> str:
    return sessions.begin(user_id, address="192.0.2.7", device="Firefox")


def present(sessions: Sessions, token: str) -> Presence:
    found = sessions.look(token)
    assert found is not None
    return found


def rows(database: Database, user_id: str) -> list[UserSession]:
    with database.read() as session:
        return list(access.sessions_of(session, user_id))


def test_the_token_says_who_is_there_and_only_a_hash_of_it_is_kept(
    sessions: Sessions, alice: str, database: Database
) -> None:
    token = begin(sessions, alice)

    found = present(sessions, token)
    [row] = rows(database, alice)
    assert (found.user_id, found.name, found.role) == (alice, "alice", "operator")
    assert token not in (row.id, row.token_hash)
    assert (row.address, row.device) == ("192.0.2.7", "Firefox")


@pytest.mark.parametrize("token", ["", "made up", "ses_1", "x" * 10_000])
def test_any_other_token_is_nobody(sessions: Sessions, alice: str, token: str) -> None:
    begin(sessions, alice)

    assert sessions.look(token) is None


def test_every_sign_in_has_a_session_of_its_own(sessions: Sessions, alice: str) -> None:
    assert begin(sessions, alice) != begin(sessions, alice)


def test_a_session_that_is_used_ends_after_the_hours(sessions: Sessions, alice: str, clock: FakeClock) -> None:
    token = begin(sessions, alice)
    for _ in range(11):
        clock.advance(hours=1)
        sessions.see(present(sessions, token), "192.0.2.7")
    clock.advance(hours=1)

    assert sessions.look(token) is None


def test_a_session_that_is_not_used_ends_after_the_idle_minutes(
    sessions: Sessions, alice: str, clock: FakeClock
) -> None:
    token = begin(sessions, alice)
    clock.advance(minutes=119)
    assert sessions.look(token) is not None

    clock.advance(minutes=1)

    assert sessions.look(token) is None


def test_use_is_written_down_once_a_minute_at_most(
    sessions: Sessions, alice: str, clock: FakeClock, database: Database
) -> None:
    token = begin(sessions, alice)
    began = clock()
    clock.now = began + SEEN_EVERY - timedelta(seconds=1)
    sessions.see(present(sessions, token), "192.0.2.8")
    assert [(one.last_seen_at, one.address) for one in rows(database, alice)] == [(began, "192.0.2.7")]

    clock.now = began + SEEN_EVERY
    sessions.see(present(sessions, token), "192.0.2.8")

    assert [(one.last_seen_at, one.address) for one in rows(database, alice)] == [(clock(), "192.0.2.8")]


def test_rotation_leaves_the_session_and_makes_the_old_token_worthless(sessions: Sessions, alice: str) -> None:
    token = begin(sessions, alice)
    before = present(sessions, token)

    fresh = sessions.rotate(before.session_id)

    assert sessions.look(token) is None
    assert present(sessions, fresh).session_id == before.session_id


def test_a_session_that_has_ended_is_not_rotated(sessions: Sessions, alice: str) -> None:
    found = present(sessions, begin(sessions, alice))
    sessions.end(alice, found.session_id)

    with pytest.raises(Forbidden, match="Sign in again"):
        sessions.rotate(found.session_id)


def test_one_all_others_or_all_can_be_ended(sessions: Sessions, alice: str) -> None:
    tokens = [begin(sessions, alice) for _ in range(4)]
    here = present(sessions, tokens[0]).session_id

    sessions.end(alice, present(sessions, tokens[1]).session_id)
    assert [sessions.look(token) is not None for token in tokens] == [True, False, True, True]
    sessions.end_others(alice, here)
    assert [sessions.look(token) is not None for token in tokens] == [True, False, False, False]
    sessions.end_all(alice)
    assert sessions.look(tokens[0]) is None


def test_nobody_ends_a_session_of_somebody_else(sessions: Sessions, alice: str) -> None:
    token = begin(sessions, alice)

    sessions.end("usr_eve", present(sessions, token).session_id)

    assert sessions.look(token) is not None


def test_who_is_disabled_is_out_at_once(sessions: Sessions, alice: str, database: Database) -> None:
    token = begin(sessions, alice)

    database.write(lambda session: session.query(User).update({"active": False}))

    assert sessions.look(token) is None


def test_a_changed_role_counts_from_the_next_request(sessions: Sessions, alice: str, database: Database) -> None:
    token = begin(sessions, alice)

    database.write(lambda session: session.query(User).update({"role": "viewer"}))

    assert present(sessions, token).role == "viewer"


def test_what_has_ended_is_swept_away_at_the_next_sign_in(
    sessions: Sessions, alice: str, clock: FakeClock, database: Database
) -> None:
    begin(sessions, alice)
    clock.advance(hours=13)

    begin(sessions, alice)

    assert len(rows(database, alice)) == 1


def test_a_full_disk_keeps_nobody_out_and_the_session_is_kept_when_there_is_room(
    sessions: Sessions, alice: str, clock: FakeClock, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_fn: object) -> object:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(database, "write", refuse)
        token = begin(sessions, alice)
        assert present(sessions, token).name == "alice"
    assert rows(database, alice) == []
    clock.advance(minutes=2)

    sessions.see(present(sessions, token), "192.0.2.7")

    assert [one.last_seen_at for one in rows(database, alice)] == [clock()]
    sessions.end_all(alice)
    assert sessions.look(token) is None


def test_who_is_reset_while_the_password_is_compared_does_not_come_in(
    sessions: Sessions, alice: str, database: Database
) -> None:
    """Else somebody who is quick and knows the old password would have a session for hours."""
    database.write(lambda session: setattr(session.get_one(User, alice), "password_hash", "another one"))

    with pytest.raises(Forbidden):
        sessions.begin(alice, address="", device="", password_hash="")
    assert rows(database, alice) == []


@pytest.mark.parametrize("why", ["disabled", "removed"])
def test_nor_does_who_is_shut_out_meanwhile(sessions: Sessions, alice: str, database: Database, why: str) -> None:
    def shut_out(session: Session) -> None:
        user = session.get_one(User, alice)
        if why == "disabled":
            user.active = False
        else:
            session.delete(user)

    database.write(shut_out)

    with pytest.raises(Forbidden):
        begin(sessions, alice)


def test_a_session_that_began_while_the_clock_was_fast_does_not_go_on_for_years(
    sessions: Sessions, alice: str, clock: FakeClock
) -> None:
    clock.advance(days=3650)
    token = begin(sessions, alice)
    clock.advance(minutes=-2)
    assert present(sessions, token).name == "alice"  # so much a clock is set right now and then

    clock.advance(days=-3650)

    assert sessions.look(token) is None


@pytest.mark.postgres
@needs_postgres
def test_several_requests_at_once_keep_a_session_of_the_full_disk_together(
    postgres_database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a page and its pictures, on a database server."""
    alice = add_alice(postgres_database, clock)
    sessions = Sessions(postgres_database, SETTINGS, clock=clock)

    def refuse(_fn: object) -> object:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(postgres_database, "write", refuse)
        token = begin(sessions, alice)
    clock.advance(minutes=2)
    presence = present(sessions, token)

    several = [gevent.spawn(sessions.see, presence, "192.0.2.7") for _ in range(4)]
    gevent.joinall(several, raise_error=True)

    assert [one.last_seen_at for one in rows(postgres_database, alice)] == [clock()]
    assert present(sessions, token).name == "alice"
