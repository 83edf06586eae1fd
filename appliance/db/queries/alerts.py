"""Alerts: those that are open, those that are over, and what is to be told."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Row, and_, select
from sqlalchemy.orm import Session

from appliance.db.models import Alert, Message, Recipient
from appliance.db.models.alert import News
from appliance.db.models.message import MessageStatus, Priority, Reason


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


def waits_for_limit(session: Session, account_id: str, *, now: datetime, until: datetime) -> bool:
    """Whether a message is held until `until` for a daily limit, and may go out through this account and some others.

    By the index of what is due: all that is held may be a million messages.
    """
    held = (Message.status == MessageStatus.HELD, Message.reason == Reason.QUOTA)
    named = Message.route.contains(account_id, autoescape=True)
    return any(
        session.scalar(select(Message.id).where(_due_within(priority, now, until), *held, named).limit(1))
        for priority in Priority
    )


def _due_within(priority: Priority, now: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(Message.priority == priority, Message.due_at > now, Message.due_at <= until)


def _first_due(session: Session, priority: Priority, now: datetime) -> Row[str, datetime] | None:
    query = select(Message.id, Message.due_at).where(Message.priority == priority, Message.due_at <= now)
    return session.execute(query.order_by(Message.due_at).limit(1)).first()  # type: ignore[return-value]
