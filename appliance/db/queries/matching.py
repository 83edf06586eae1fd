"""Messages that a filter matches, from the oldest on, in looks that are short whatever the filter is.

A look goes over a bounded stretch of all messages, so that one for a rare word does not hold everybody up, and says
where the next one goes on.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from appliance.db.models import Message
from appliance.db.models.message_sets import SetAction, movable
from appliance.db.queries.message_filters import Filters, conditions

MOST_LOOKED_AT = 2000


@dataclass(frozen=True, slots=True)
class MessageSet:
    """Those that `filters` match, none of them younger than `newest`; with `ids`, only of these."""

    filters: Filters
    newest: str
    ids: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """`ids` were found; the next look goes on after `cursor`."""

    ids: Sequence[str]
    cursor: str


@dataclass(frozen=True, slots=True)
class Count:
    """`changes`: those that the action would change. The next one goes on after `cursor`."""

    by_status: Mapping[str, int]
    changes: int
    cursor: str


def newest(session: Session) -> str:
    """The id of the youngest message; empty when there is none."""
    return session.scalar(select(func.max(Message.id))) or ""


def look(session: Session, wanted: MessageSet, *, after: str, limit: int) -> Look | None:
    """At most `limit` of the ids after `after`, perhaps none of them. None: there is nothing more to look at."""
    stretch = _stretch(session, wanted, after, limit)
    if stretch is None:
        return None
    within, last = stretch
    found = session.scalars(
        select(Message.id).where(within, *conditions(wanted.filters)).order_by(Message.id).limit(limit)
    ).all()
    return Look(found, found[-1] if len(found) == limit else last)


def count(session: Session, wanted: MessageSet, action: SetAction, *, after: str, now: datetime) -> Count | None:
    """Of the next stretch. None: there is nothing more to count."""
    stretch = _stretch(session, wanted, after, MOST_LOOKED_AT)
    if stretch is None:
        return None
    within, last = stretch
    changes = func.sum(case((movable(action, now), 1), else_=0))
    found = session.execute(
        select(Message.status, func.count(), changes)
        .where(within, *conditions(wanted.filters))
        .group_by(Message.status)
    ).all()
    return Count({status: number for status, number, _ in found}, sum(row[2] for row in found), last)


def known(session: Session, ids: Collection[str], *, api_key_id: str | None) -> int:
    """How many of `ids` are messages; with `api_key_id`, of that key."""
    query = select(func.count()).select_from(Message).where(Message.id.in_(ids))
    if api_key_id is not None:
        query = query.where(Message.api_key_id == api_key_id)
    return session.scalar(query) or 0


def still(session: Session, wanted: MessageSet, ids: Sequence[str]) -> Sequence[str]:
    """Those of `ids` that are still in a state and for a reason that the filter asks for. Inside a write."""
    filters = Filters(status=wanted.filters.status, reason=wanted.filters.reason)
    if not conditions(filters):
        return ids
    return session.scalars(select(Message.id).where(Message.id.in_(ids), *conditions(filters))).all()


def _stretch(session: Session, wanted: MessageSet, after: str, limit: int) -> tuple[ColumnElement[bool], str] | None:
    """What one look goes over, and the last id of it."""
    if wanted.ids is not None:
        some = sorted(one for one in wanted.ids if after < one <= wanted.newest)[:limit]
        return (Message.id.in_(some), some[-1]) if some else None
    if after >= wanted.newest:
        return None
    ids = select(Message.id).where(Message.id > after, Message.id <= wanted.newest).order_by(Message.id)
    last = session.scalar(ids.offset(MOST_LOOKED_AT - 1).limit(1)) or wanted.newest
    return (Message.id > after) & (Message.id <= last), last
