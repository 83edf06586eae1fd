"""The log of events, read by the one who empties it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from appliance.db.models import Event
from appliance.db.models.base import affected

_ANY = select(exists().select_from(Event))


def any_waiting(session: Session) -> bool:
    return bool(session.scalar(_ANY))


def count_waiting(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Event)) or 0


def backlog(session: Session, most: int) -> tuple[int, datetime | None]:
    """How many wait, `most` at most, and since when the oldest does."""
    some = select(Event.id).limit(most).subquery()
    oldest = session.scalar(select(Event.at).order_by(Event.id).limit(1))
    return session.scalar(select(func.count()).select_from(some)) or 0, oldest


def take(session: Session, limit: int) -> Sequence[Event]:
    """The oldest, locked on a database server, where another box passes over them."""
    return session.scalars(select(Event).order_by(Event.id).limit(limit).with_for_update(skip_locked=True)).all()


def remove(session: Session, taken: Sequence[Event]) -> None:
    if taken:
        affected(session, delete(Event).where(Event.id.in_([one.id for one in taken])))
