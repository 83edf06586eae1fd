"""The audit by every filter: what fits, the newest first, on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from appliance.db.database import Database
from appliance.db.models import AuditEntry
from appliance.db.queries import audit
from appliance.db.queries.audit import AuditFilters
from appliance.db.types import id_at
from tests.services_up import needs_postgres

START = datetime(2026, 3, 1, tzinfo=UTC)
ACTIONS = ("key.created", "key.revoked", "keyring.made", "message.cancelled")
COUNT = 24


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def filled(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")
    for number in range(COUNT):
        at = START + timedelta(days=number)
        row = {
            "id": id_at("aud", at),
            "at": at,
            "actor_kind": "key",
            "actor_id": f"key_{number % 3}",
            "actor_name": "shop" if number % 3 == 0 else f"key_{(number + 1) % 3}",
            "action": ACTIONS[number % 4],
            "target": f"thing_{number % 5}",
            "detail": {},
        }
        database.write(lambda session, row=row: AuditEntry.note(session, row))  # type: ignore[misc]
    return database


def fits(number: int, filters: AuditFilters) -> bool:
    at = START + timedelta(days=number)
    name = "shop" if number % 3 == 0 else f"key_{(number + 1) % 3}"
    action = ACTIONS[number % 4]
    return all(
        (
            filters.actor in ("", f"key_{number % 3}", name),
            not filters.action
            or action == filters.action
            or action.startswith(filters.action) * (filters.action[-1] == "."),
            filters.target in ("", f"thing_{number % 5}"),
            filters.since is None or at >= filters.since,
            filters.until is None or at < filters.until,
        )
    )


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"actor": "key_1"},
        {"actor": "shop"},
        {"actor": "nobody"},
        {"action": "key.created"},
        {"action": "key."},
        {"action": "k."},
        {"action": "webhook."},
        {"target": "thing_2"},
        {"since": START + timedelta(days=9)},
        {"until": START + timedelta(days=9)},
        {"since": START + timedelta(days=5), "until": START + timedelta(days=15)},
        {"since": datetime(1, 1, 1, tzinfo=UTC), "until": datetime(9999, 12, 31, tzinfo=UTC)},
        {"actor": "key_2", "action": "key.", "since": START + timedelta(days=3)},
        {"actor": "shop", "action": "message.", "target": "thing_3"},
    ],
)
def test_page_after_page_has_what_fits_and_nothing_else(filled: Database, wanted: dict[str, Any]) -> None:
    filters = AuditFilters(**wanted)
    expected = [id_at("aud", START + timedelta(days=n)) for n in reversed(range(COUNT)) if fits(n, filters)]

    found: list[str] = []
    before: str | None = None
    with filled.read() as session:
        while True:
            items, before = audit.page(session, filters, before=before, limit=3)
            found += [one.id for one in items]
            if before is None:
                break

    assert found == expected


@pytest.mark.parametrize(
    "wanted", [{"actor": "x"}, {"action": "key."}, {"target": "x"}, {"action": "key.created"}, {"since": START}]
)
def test_no_filter_goes_through_all_entries(database: Database, wanted: dict[str, Any]) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    row = {"id": "aud_1", "at": START, "actor_kind": "key", "action": "key.created", "detail": {}}
    database.write(lambda session: AuditEntry.note(session, row))
    with database.read() as session:
        event.listen(session.get_bind(), "before_cursor_execute", note)
        audit.page(session, AuditFilters(**wanted))
        event.remove(session.get_bind(), "before_cursor_execute", note)
        connection = session.connection()
        plans = [
            " ".join(str(step[3]) for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))
            for statement, parameters in asked
        ]

    assert plans
    assert not [plan for plan in plans if "SCAN audit_entries" in plan], plans
