"""Moves messages and tells of it: the UPDATE returns what the event carries, so no move goes untold."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from appliance.db.models.base import Values
from appliance.db.models.event import Event, EventKind, of_message
from appliance.db.models.message_columns import MessageColumns

Moved = Sequence[Row[Any]]


def told(model: type[MessageColumns]) -> tuple[Any, ...]:
    """What an UPDATE returns for the events: `update(...).returning(*told(Message))`."""
    return (
        model.id,
        model.status,
        model.reason,
        model.api_key_id,
        model.template_id,
        model.tags,
        model.priority,
        model.created_at,
        model.send_at,
        model.retried_at,
    )


def move(session: Session, statement: ReturningUpdate[Any], values: Values | None = None) -> Moved:
    return session.connection().execute(statement, values).all()


def ended(session: Session, moved: Moved, now: datetime, *, account_id: str | None = None) -> None:
    """They are in a final state: told by its name, with the reason and the time since they were to go."""
    Event.note(
        session,
        (
            of_message(
                EventKind(f"message.{one.status}"),
                one,
                now,
                account_id=account_id,
                reason=one.reason,
                seconds=seconds_to_go(one, now),
            )
            for one in moved
        ),
    )


def noted(session: Session, kind: EventKind, moved: Moved, now: datetime, *, account_id: str | None = None) -> None:
    """They wait, and something happened that is worth telling."""
    rows = (of_message(kind, one, now, account_id=account_id, reason=one.reason) for one in moved)
    Event.note(session, rows)


def retried(session: Session, moved: Moved, now: datetime, *, ends: Mapping[str, dict[str, Any] | None]) -> None:
    """They wait again. `ends`: how those had ended that had (message_ends.py)."""
    rows = (of_message(EventKind.MESSAGE_RETRIED, one, now, ended=ends.get(one.id)) for one in moved)
    Event.note(session, rows)


def ids_of(moved: Moved) -> list[str]:
    return [one.id for one in moved]


def seconds_to_go(message: Any, now: datetime) -> float:
    """From when it was to go until `now`. Not below zero: the clock may have been set back."""
    moments: Iterable[datetime | None] = (message.created_at, message.send_at, message.retried_at)
    return max(0.0, (now - max(one for one in moments if one is not None)).total_seconds())
