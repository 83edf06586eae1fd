"""A filled database of an earlier version comes to the newest schema with everything that was in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from appliance.config.settings import DatabaseSettings
from appliance.db.engine import create_database_engine
from appliance.db.migrations import configuration, migrate
from appliance.db.models import User
from appliance.db.queries import access, audit
from appliance.db.queries.audit import AuditFilters
from tests.services_up import needs_postgres

BEFORE_PEOPLE = "0009_search"
MOMENT = "2026-03-10 12:00:00"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def of_before(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """As the version before roles left it, with two people and what they did."""
    url = f"sqlite:///{tmp_path / 'before.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    engine = create_database_engine(url, DatabaseSettings())
    with engine.begin() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE_PEOPLE)
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
    yield engine
    engine.dispose()


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
