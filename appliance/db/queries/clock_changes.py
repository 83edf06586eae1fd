"""Moments that make no sense, or another one, after the clock was set back."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Row, or_, select
from sqlalchemy.orm import Session

from appliance.db.models import Message, SenderAccount
from appliance.db.models.message import MessageStatus, Priority, Reason


def queued_ahead_of_time(session: Session, *, now: datetime, limit: int) -> Sequence[str]:
    """Queued messages that are not due yet: to be queued is to be due.

    By the index of the outbox, which knows what is due later: there is far less of that than there may be queued.
    """
    found: list[str] = []
    for priority in Priority:
        of_priority = Message.priority == priority
        query = select(Message.id).where(of_priority, Message.due_at > now, Message.status == MessageStatus.QUEUED)
        found += session.scalars(query.limit(limit - len(found)))
    return found


def retries(session: Session, *, now: datetime, after: str, limit: int) -> Sequence[Row[str, datetime]]:
    """(id, due_at) of messages that wait a while after a failure, theirs or their account's, in the order of ids."""
    waits = or_(
        Message.status == MessageStatus.DEFERRED,
        (Message.status == MessageStatus.HELD) & (Message.reason == Reason.BREAKER),
    )
    query = select(Message.id, Message.due_at).where(waits, Message.due_at > now, Message.id > after)
    return session.execute(query.order_by(Message.id).limit(limit)).all()  # type: ignore[return-value]


def resting(session: Session, *, now: datetime) -> Sequence[Row[str, datetime]]:
    """(id, breaker_until) of accounts that rest."""
    query = select(SenderAccount.id, SenderAccount.breaker_until).where(SenderAccount.breaker_until > now)
    return session.execute(query).all()  # type: ignore[return-value]
