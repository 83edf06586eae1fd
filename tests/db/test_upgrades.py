"""A filled database of an earlier version comes to the newest schema with everything that was in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from appliance.config.settings import DatabaseSettings
from appliance.db.engine import create_database_engine
from appliance.db.migrations import configuration, migrate
from appliance.db.models import Event, Message, User
from appliance.db.models.message_deed import DoneBy
from appliance.db.models.message_sets import SetAction, apply
from appliance.db.queries import access, audit, messages
from appliance.db.queries.audit import AuditFilters
from tests.fakes import NOON
from tests.services_up import needs_postgres

BEFORE_PEOPLE = "0009_search"
BEFORE_RETRIES = "0012_audit_names"
MOMENT = "2026-03-10 12:00:00"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'before.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    engine = create_database_engine(url, DatabaseSettings())
    yield engine
    engine.dispose()


def bring_to(connection: Connection, revision: str) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@pytest.fixture
def of_before(empty: Engine) -> Engine:
    """As the version before roles left it, with two people and what they did."""
    with empty.begin() as connection:
        bring_to(connection, BEFORE_PEOPLE)
        for name in ("Ann", "Bob"):
            connection.execute(
                text(
                    "INSERT INTO users (id, name, password_hash, role, session_epoch, created_at) "
                    "VALUES (:id, :name, 'a hash', 'administrator', 3, :at)"
                ),
                {"id": f"usr_{name.lower()}", "name": name, "at": MOMENT},
            )
        connection.execute(
            text(
                "INSERT INTO audit_entries (id, at, actor_kind, actor_id, actor_name, address, action, target, "
                "detail, request_id) VALUES ('aud_1', :at, 'user', 'usr_ann', 'Ann', '', 'user.created', 'usr_bob', "
                "'{}', '')"
            ),
            {"at": MOMENT},
        )
    return empty


def test_people_of_before_roles_stay_administrators_who_may_come_in(of_before: Engine) -> None:
    migrate(of_before)

    with Session(of_before) as session:
        ann, bob = access.users(session)
        assert (ann.name, ann.password_hash, ann.role, ann.active) == ("Ann", "a hash", "administrator", True)
        assert (ann.must_change_password, ann.has_second_factor, ann.totp_step) == (False, False, 0)
        assert User.lock_administrators(session) == {ann.id, bob.id}
        assert access.sessions_by_user(session) == {}


def test_what_they_did_is_found_by_their_names(of_before: Engine) -> None:
    migrate(of_before)

    with Session(of_before) as session:
        [entry], _ = audit.page(session, AuditFilters(target="usr_bob"))
    assert (entry.actor_name, entry.action) == ("Ann", "user.created")


@pytest.fixture
def of_before_retries(empty: Engine) -> Engine:
    """With a message that failed, and the event of it, which nobody has counted yet."""
    with empty.begin() as connection:
        bring_to(connection, BEFORE_RETRIES)
        connection.execute(
            text(
                "INSERT INTO messages (id, status, priority, subject, sender_name, reply_to, headers, tags, metadata, "
                "rfc_message_id, request_id, size, created_at, finished_at, attempts, reason, detail, claim_day, "
                "begun) VALUES ('msg_1', 'failed', 1, 'Hello', '', '[]', '{}', '[]', '{}', '<1@example.com>', '', 5, "
                ":at, :at, 1, 'refused', '', '', false)"
            ),
            {"at": MOMENT},
        )
        connection.execute(
            text(
                "INSERT INTO events (kind, at, message_id, tags, reason) "
                "VALUES ('message.failed', :at, 'msg_1', '[]', 'refused')"
            ),
            {"at": MOMENT},
        )
    return empty


def test_what_failed_before_ends_were_taken_back_is_retried_and_its_end_stays_counted(
    of_before_retries: Engine,
) -> None:
    migrate(of_before_retries)

    with Session(of_before_retries) as session, session.begin():
        assert apply(session, SetAction.RETRY, ["msg_1"], DoneBy("Ann", "job_1"), now=NOON) == 1
    with Session(of_before_retries) as session:
        told = [(one.kind, one.ended) for one in session.query(Event).order_by(Event.id)]
        [deed] = messages.deeds(session, "msg_1", limit=10)
        assert session.get_one(Message, "msg_1").status == "queued"
    assert told == [("message.failed", None), ("message.retried", None)]
    assert (deed.action, deed.actor_name, deed.job_id) == ("message.retried", "Ann", "job_1")
