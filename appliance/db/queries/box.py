"""Whether this box sends, and what waits while it does not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session

from appliance.db.models import Flag, Message
from appliance.db.models.box import SENDING_PAUSED, PauseReason
from appliance.db.models.message import MessageStatus


@dataclass(frozen=True, slots=True)
class Pause:
    """`detail`: the words of the person who paused it. `backup_at`: when the backup was made that it came from."""

    reason: PauseReason
    since: datetime
    detail: str = ""
    by: str = ""
    backup_at: datetime | None = None


# built once: it is asked at every claim
_PAUSED = select(Flag.value, Flag.changed_at).where(Flag.name == bindparam("name"))

_STRETCH = (
    select(Message.id, Message.account_id, Message.created_at)
    .where(Message.status == bindparam("status"), Message.id > bindparam("after"))
    .order_by(Message.id)
    .limit(bindparam("most"))
    .subquery()
)
_SUMS = select(_STRETCH.c.account_id, func.count(), func.min(_STRETCH.c.created_at), func.max(_STRETCH.c.id)).group_by(
    _STRETCH.c.account_id
)


def pause(session: Session) -> Pause | None:
    """None: it sends."""
    found = session.execute(_PAUSED, {"name": SENDING_PAUSED}).first()
    return None if found is None else _read(found.value, found.changed_at)


def waiting_by_account(
    session: Session, status: str, *, after: str, most: int
) -> Sequence[Row[str | None, int, datetime, str]]:
    """(account asked for, count, oldest, last id) of the next `most` messages in that state, by age."""
    return session.execute(_SUMS, {"status": status, "after": after, "most": most}).all()


def not_scheduled_later(session: Session, ids: Sequence[str], *, now: datetime) -> Sequence[str]:
    """Those of `ids` that no client asked to go later than `now`."""
    later = (Message.status == MessageStatus.SCHEDULED) & (Message.due_at > now)
    return session.scalars(select(Message.id).where(Message.id.in_(ids), ~later)).all()


def _read(value: dict[str, Any], since: datetime) -> Pause:
    backup_at = value.get("backup_at")
    return Pause(
        PauseReason(value["reason"]),
        since,
        value.get("detail", ""),
        value.get("by", ""),
        datetime.fromisoformat(backup_at) if backup_at else None,
    )
