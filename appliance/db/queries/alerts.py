"""Alerts: those that are open, those that are over, and what is to be told."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from appliance.db.models import Alert, Message, Recipient
from appliance.db.models.alert import News
from appliance.db.models.message import MessageStatus, Priority, Reason

MOST_LOOKED_AT = 5_000  # messages


def open_ones(session: Session, box: str) -> Sequence[Alert]:
    """Those of `box` and those that all boxes share, the newest first."""
    query = select(Alert).where(Alert.cleared_at.is_(None), Alert.box.in_(("", box)))
    return session.scalars(query.order_by(Alert.id.desc())).all()


def open_one(session: Session, box: str, kind: str, subject: str) -> Alert | None:
    same = (Alert.kind == kind, Alert.subject == subject, Alert.box == box)
    return session.scalars(select(Alert).where(*same, Alert.cleared_at.is_(None))).one_or_none()


def came_back(session: Session, box: str, kind: str, subject: str, *, since: datetime) -> bool:
    """Whether the same was an alert that has been over since `since` or later."""
    same = (Alert.kind == kind, Alert.subject == subject, Alert.box == box)
    return session.scalars(select(Alert.id).where(*same, Alert.cleared_at >= since).limit(1)).first() is not None


def past(session: Session, *, before: str | None = None, limit: int = 50) -> tuple[Sequence[Alert], str | None]:
    """The newest first, with the id to go on from."""
    query = select(Alert).where(Alert.cleared_at.is_not(None)).order_by(Alert.id.desc()).limit(limit + 1)
    if before:
        query = query.where(Alert.id < before)
    found = session.scalars(query).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else None


def to_tell(session: Session, *, now: datetime) -> Sequence[Alert]:
    due = (Alert.news != News.NONE, Alert.news_due_at <= now)
    return session.scalars(select(Alert).where(*due).order_by(Alert.id).limit(100)).all()


def recipients(session: Session, message_id: str) -> Sequence[Recipient]:
    """Of a message, with what became of each; none of one that is not kept any more."""
    return session.scalars(select(Recipient).where(Recipient.message_id == message_id).order_by(Recipient.id)).all()


def oldest_due(session: Session, *, now: datetime) -> tuple[str, datetime] | None:
    """(id, due since) of the message that has been due the longest and that nobody has claimed."""
    found = [row for priority in Priority if (row := _first_due(session, priority, now)) is not None]
    return min(((row.id, row.due_at) for row in found), key=lambda one: one[1], default=None)


def waits_for_limit(session: Session, account_id: str, *, until: datetime) -> bool:
    """Whether a message is held until `until` for a daily limit, and may go out through this account and some others.

    Looks by the index of what is due at that moment, at so many of each priority: there may be a million, and everybody
    waits meanwhile.
    """
    return any(session.scalar(_held_for_limit(account_id, priority, until)) for priority in Priority)


def _held_for_limit(account_id: str, priority: Priority, until: datetime) -> Select[str]:
    then = (Message.priority == priority, Message.due_at == until)
    some = (
        select(Message.id, Message.status, Message.reason, Message.route).where(*then).limit(MOST_LOOKED_AT).subquery()
    )
    held = (some.c.status == MessageStatus.HELD, some.c.reason == Reason.QUOTA)
    return select(some.c.id).where(*held, some.c.route.contains(account_id, autoescape=True)).limit(1)


def _first_due(session: Session, priority: Priority, now: datetime) -> Row[str, datetime] | None:
    query = select(Message.id, Message.due_at).where(Message.priority == priority, Message.due_at <= now)
    return session.execute(query.order_by(Message.due_at).limit(1)).first()  # type: ignore[return-value]
