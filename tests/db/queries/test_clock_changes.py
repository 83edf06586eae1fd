"""What is found and moved when the clock was set back, on both kinds of database."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from appliance.db.database import Database
from appliance.db.models import Message, SenderAccount
from appliance.db.models.clock_changes import move_due, move_rest
from appliance.db.models.message import MessageStatus, Priority, Reason
from appliance.db.queries import clock_changes
from tests.factories import add_account, add_message
from tests.fakes import NOON
from tests.services_up import needs_postgres

LATER = NOON + timedelta(hours=1)


@pytest.fixture(params=["database", pytest.param("postgres_database", marks=[needs_postgres, pytest.mark.postgres])])
def either(request: pytest.FixtureRequest) -> Database:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def add(database: Database, **overrides: Any) -> str:
    return database.write(lambda session: add_message(session, **overrides))


def due_at(database: Database, message_id: str) -> datetime | None:
    with database.read() as session:
        return session.get_one(Message, message_id).due_at


def test_only_queued_messages_that_are_not_due_are_found(either: Database) -> None:
    early = {add(either, due_at=LATER, priority=priority) for priority in Priority}
    add(either, due_at=NOON)
    add(either, due_at=LATER, status=MessageStatus.SCHEDULED)
    add(either, due_at=LATER, status=MessageStatus.DEFERRED)

    with either.read() as session:
        assert set(clock_changes.queued_ahead_of_time(session, now=NOON, limit=10)) == early
        assert len(clock_changes.queued_ahead_of_time(session, now=NOON, limit=2)) == 2


def test_retries_are_those_that_wait_a_while_and_not_until_a_moment(either: Database) -> None:
    first = add(either, due_at=LATER, status=MessageStatus.DEFERRED)
    second = add(either, due_at=LATER, status=MessageStatus.HELD, reason=Reason.BREAKER)
    add(either, due_at=LATER, status=MessageStatus.HELD, reason=Reason.QUOTA)
    add(either, due_at=LATER, status=MessageStatus.SCHEDULED)
    add(either, due_at=NOON, status=MessageStatus.DEFERRED)

    with either.read() as session:
        found = clock_changes.retries(session, now=NOON, after="", limit=10)
        rest = clock_changes.retries(session, now=NOON, after=first, limit=10)

    assert [tuple(one) for one in found] == [(first, LATER), (second, LATER)]
    assert [one[0] for one in rest] == [second]


def test_moments_are_moved_but_not_of_what_a_worker_holds(either: Database) -> None:
    waits, held = add(either, due_at=LATER), add(either, due_at=None, claim_id="clm_1", status=MessageStatus.SENDING)

    either.write(lambda session: move_due(session, {waits: NOON, held: NOON}))
    either.write(lambda session: move_due(session, {}))

    assert (due_at(either, waits), due_at(either, held)) == (NOON, None)


def test_rests_are_moved(either: Database) -> None:
    resting = either.write(lambda session: add_account(session, breaker_until=LATER))
    either.write(lambda session: add_account(session))

    with either.read() as session:
        assert [tuple(one) for one in clock_changes.resting(session, now=NOON)] == [(resting, LATER)]
    either.write(lambda session: move_rest(session, {resting: NOON}))

    with either.read() as session:
        assert session.get_one(SenderAccount, resting).breaker_until == NOON


def test_looking_for_what_is_queued_ahead_of_time_does_not_read_the_queue(database: Database) -> None:
    with database.read() as session:
        plan = session.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT id FROM messages "
                "WHERE priority = 1 AND due_at > '2026-01-01' AND status = 'queued' LIMIT 500"
            )
        ).all()

    assert "ix_messages_outbox (priority=? AND due_at>?)" in str(plan)
