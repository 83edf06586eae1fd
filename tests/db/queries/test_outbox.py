from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models.message import Priority
from appliance.db.queries import outbox
from tests.factories import add_account, add_message
from tests.fakes import NOON
from tests.services_up import needs_postgres

ALL = list(Priority)
ROUTE = "ix_messages_route"


def add(database: Database, **overrides: Any) -> str:
    return database.write(lambda session: add_message(session, **overrides))


def due(database: Database, priorities: list[Priority] = ALL, limit: int = 10) -> list[str]:
    return [row[0] for row in database.write(lambda s: outbox.due(s, priorities, now=NOON, limit=limit))]


def test_due_are_the_urgent_first_then_those_that_waited_longest(database: Database) -> None:
    low = add(database, priority=Priority.LOW, due_at=NOON - timedelta(hours=1))
    young, old = add(database, due_at=NOON), add(database, due_at=NOON - timedelta(minutes=1))
    high = add(database, priority=Priority.HIGH)

    assert due(database) == [high, old, young, low]
    assert due(database, limit=2) == [high, old]
    assert due(database, [Priority.NORMAL]) == [old, young]


def test_due_leaves_out_what_is_due_later_or_never(database: Database) -> None:
    add(database, due_at=NOON + timedelta(microseconds=1), status="deferred")
    add(database, due_at=None, status="held")
    released = add(database, due_at=NOON, status="held")

    assert due(database) == [released]


def test_due_of_some_routes_leaves_out_the_others(database: Database) -> None:
    free = add(database, due_at=NOON - timedelta(minutes=1))
    asks = add(database, due_at=NOON - timedelta(minutes=2), account_id="acc_1")
    may_use = add(database, allowed_accounts="acc_1 acc_2")
    add(database, account_id="acc_3", due_at=NOON + timedelta(seconds=1))

    def ids(*routes: str | None) -> list[str]:
        return database.write(lambda s: [one[0] for one in outbox.due(s, ALL, now=NOON, limit=9, routes=routes)])

    assert (ids(None), ids("acc_1"), ids("acc_1 acc_2")) == ([free], [asks], [may_use])
    assert ids("acc_1", None, "acc_1 acc_2") == [asks, free, may_use]
    assert ids() == []


@pytest.mark.parametrize(
    "kind", ["database", pytest.param("postgres_database", marks=[needs_postgres, pytest.mark.postgres])]
)
def test_due_routes_are_those_on_which_something_is_due(request: pytest.FixtureRequest, kind: str) -> None:
    database: Database = request.getfixturevalue(kind)
    for account in ("acc_2", "acc_1", "acc_2"):
        add(database, account_id=account)
    add(database, account_id="acc_3", due_at=NOON + timedelta(seconds=1))
    add(database, account_id="acc_4", due_at=None, status="sent")
    add(database)

    assert database.write(lambda session: list(outbox.due_routes(session, now=NOON))) == ["acc_1", "acc_2"]


def test_due_reads_an_index_whatever_the_size_of_the_backlog(database: Database) -> None:
    statements: list[str] = []

    def explain(session: Session) -> None:
        for query in (
            "SELECT id FROM messages WHERE priority = 1 AND due_at <= '2026' ORDER BY due_at LIMIT 50",
            "SELECT min(due_at) FROM messages WHERE priority = 1 AND due_at IS NOT NULL",
            "SELECT id FROM messages WHERE route IS NULL AND priority = 1 AND due_at <= '2026' ORDER BY due_at LIMIT 5",
            "SELECT id FROM messages WHERE route = 'a' AND priority = 1 AND due_at <= '2026' ORDER BY due_at LIMIT 5",
        ):
            statements.extend(row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {query}")))

    database.write(explain)

    assert [line.split("INDEX ")[1].split()[0] for line in statements] == [*["ix_messages_outbox"] * 2, *[ROUTE] * 2]
    assert not any("TEMP B-TREE" in line for line in statements), statements


def test_stale_claims_are_those_whose_lease_has_run_out(database: Database) -> None:
    for number, until in ((1, NOON - timedelta(seconds=1)), (2, NOON), (3, NOON + timedelta(seconds=1))):
        add(database, status="sending", claim_id=f"clm_a_{number}", due_at=None, lease_until=until)

    with database.read() as session:
        assert outbox.stale_claims(session, now=NOON) == ["clm_a_1"]


@pytest.mark.parametrize(
    "kind", ["database", pytest.param("postgres_database", marks=[needs_postgres, pytest.mark.postgres])]
)
def test_claims_of_a_box_are_found_by_prefix_taken_literally(request: pytest.FixtureRequest, kind: str) -> None:
    database: Database = request.getfixturevalue(kind)
    for claim_id in ("clm_a_01k8", "clm_a_zz", "clm_aX01k8", "clm_b_01k8", "clm_a"):
        add(database, status="sending", claim_id=claim_id, due_at=None)
    add(database, status="queued", claim_id="clm_a_left")

    with database.read() as session:
        assert sorted(outbox.claims_of_box(session, "clm_a_")) == ["clm_a_01k8", "clm_a_zz"]
        assert outbox.claims_of_box(session, "clm_a_", excluding=["clm_a_zz"]) == ["clm_a_01k8"]


def test_accounts_are_those_that_were_not_deleted(database: Database) -> None:
    kept = database.write(add_account)
    database.write(lambda session: add_account(session, deleted_at=NOON))

    with database.read() as session:
        assert [account.id for account in outbox.accounts(session)] == [kept]


@needs_postgres
@pytest.mark.postgres
def test_two_boxes_that_claim_at_once_get_different_messages(postgres_database: Database) -> None:
    first, second = add(postgres_database), add(postgres_database)

    with Session(postgres_database.engine) as one, Session(postgres_database.engine) as other:
        mine = [row[0] for row in outbox.due(one, ALL, now=NOON, limit=1)]
        theirs = [row[0] for row in outbox.due(other, ALL, now=NOON, limit=5)]

    assert {*mine, *theirs} == {first, second}
    assert len(mine) == len(theirs) == 1
