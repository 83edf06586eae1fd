"""Uploads as they are listed."""

from datetime import timedelta
from typing import Any

import pytest

from appliance.db.database import Database
from appliance.db.models import ApiKey, Attachment, MessageAttachment
from appliance.db.models.base import insert_rows
from appliance.db.queries import attachments
from appliance.db.types import new_id
from tests.factories import add_message
from tests.fakes import NOON


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")
    return found


def add(database: Database, filename: str, **overrides: Any) -> str:
    row = {
        "id": new_id("att"),
        "filename": filename,
        "content_type": "text/plain",
        "size": 5,
        "sha256": filename,
        "created_at": NOON,
        "expires_at": NOON + timedelta(days=7),
    } | overrides
    database.write(lambda session: insert_rows(session, Attachment, row))
    return str(row["id"])


def test_pages_hold_those_that_can_be_named_the_newest_first(any_database: Database) -> None:
    add(any_database, "Old.txt", expires_at=NOON)
    names = [add(any_database, f"Invoice_{number}.txt") for number in range(3)]
    add(any_database, "terms.txt")

    with any_database.read() as session:
        first, next_id = attachments.page(session, now=NOON, limit=2, q="invoice_")
        rest, last_id = attachments.page(session, now=NOON, limit=2, q="invoice_", before=next_id)

    assert [one.id for one in [*first, *rest]] == names[::-1]
    assert last_id is None


def test_uses_are_counted_up_to_a_limit(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "MOST_USES", 2)
    message = any_database.write(add_message)
    row = {"message_id": message, "filename": "a", "content_type": "text/plain", "size": 1, "sha256": "abc"}
    for _ in range(4):
        any_database.write(lambda session: insert_rows(session, MessageAttachment, row))

    with any_database.read() as session:
        assert attachments.uses(session, "abc") == 3
        assert attachments.uses(session, "def") == 0


def test_uploaders_are_named(any_database: Database) -> None:
    key = {"id": "key_1", "name": "acme", "secret_hash": "x", "prefix": "pr_1", "scopes": [], "created_at": NOON}
    columns = {name: value for name, value in key.items() if name in ApiKey.__table__.c}
    any_database.write(lambda session: insert_rows(session, ApiKey, columns))

    with any_database.read() as session:
        assert attachments.uploaders(session, ["key_1", None, "key_2"]) == {"key_1": "acme"}
        assert attachments.uploaders(session, []) == {}
