"""Which actions there are entries of, found without reading all of them."""

import pytest

from appliance.db.database import Database
from appliance.db.models import AuditEntry
from appliance.db.queries import audit
from appliance.services.audit import entry
from tests.fakes import NOON


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")
    return found


def test_each_action_is_named_once(any_database: Database) -> None:
    with any_database.read() as session:
        assert list(audit.actions(session)) == []
    for action in ("user.created", "key.created", "key.created", "key.revoked"):
        row = entry(action, "", {}, NOON)
        any_database.write(lambda session, row=row: AuditEntry.note(session, row))

    with any_database.read() as session:
        assert list(audit.actions(session)) == ["key.created", "key.revoked", "user.created"]
