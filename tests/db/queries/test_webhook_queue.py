"""The questions that are asked every second, or at start, go by an index: a million deliveries may wait."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.queries import webhook_queue, webhooks
from appliance.db.types import id_at
from tests.fakes import NOON, FakeClock
from tests.services.webhooks import Hooks


@contextmanager
def plans(database: Database) -> Iterator[list[str]]:
    """How SQLite goes about each statement that is run meanwhile."""
    found: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        found.extend(row[3] for row in plan)

    event.listen(database._reader, "before_cursor_execute", explain)
    yield found
    event.remove(database._reader, "before_cursor_execute", explain)


@pytest.mark.parametrize(
    "ask",
    [
        lambda session: webhook_queue.claims(session, NOON),
        lambda session: webhook_queue.claims_of_box(session, "whc_box_"),
        lambda session: webhook_queue.waiting_in_vain(session, NOON, 10),
        lambda session: webhook_queue.of_deleted_endpoints(session, 10),
        lambda session: webhook_queue.old(session, NOON, 10),
        lambda session: webhooks.failed_since(session, "whk_1", NOON, after="", limit=10),
    ],
    ids=["claims", "claims of a box", "waiting in vain", "of deleted endpoints", "old", "failed since"],
)
def test_no_question_goes_through_all_deliveries(
    database: Database, clock: FakeClock, ask: Callable[[Session], Any]
) -> None:
    hooks = Hooks(database, clock)
    for change in (hooks.endpoints.pause, hooks.endpoints.delete):
        change(hooks.endpoint("https://example.com/").id)

    with plans(database) as lines, database.read() as session:
        ask(session)

    assert lines
    assert not [line for line in lines if line.startswith("SCAN webhook_deliveries")], lines


def test_failed_deliveries_that_are_older_by_far_are_passed_over_by_their_ids(
    database: Database, clock: FakeClock
) -> None:
    endpoint = Hooks(database, clock).endpoint("https://example.com/")
    values: list[Any] = []

    def note(_connection: Any, _cursor: Any, _statement: str, parameters: Any, *_: Any) -> None:
        values.extend(parameters)

    event.listen(database._reader, "before_cursor_execute", note)
    with database.read() as session:
        webhooks.failed_since(session, endpoint.id, NOON, after="", limit=10)

    assert id_at("whd", NOON - timedelta(days=1)) in values
