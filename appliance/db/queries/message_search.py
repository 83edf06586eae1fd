"""Looks for messages among a million, in steps that hold nobody up."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, literal, select
from sqlalchemy.orm import Session

from appliance.db.models import Message
from appliance.db.queries.message_filters import Filters, conditions
from appliance.db.queries.message_ways import Way, Window, thinnest

MOST_LOOKED_AT = 10_000  # messages that one search asks whether they fit
LEAST_LOOKED_AT = 1_000
FIRST_LOOK, LONGEST_LOOK = 200, 1_000
LONGEST_SECONDS = 0.015  # after which no further look begins: on SQLite everybody waits meanwhile
DISORDER = 500  # messages whose ids may stand in another order than the moments they were accepted at


@dataclass(frozen=True, slots=True)
class Found:
    """`next_id`: the search goes on before it. None: everything was looked at."""

    ids: Sequence[str]
    next_id: str | None


def find(session: Session, filters: Filters, *, before: str | None = None, limit: int) -> Found:
    """The ids that `filters` match, newest first, of messages older than `before`.

    Where one index knows the answer, and where one of several filters matches few messages, the answer is complete.
    Else the search ends at some point even if it has not found `limit` ids, perhaps none, and says where it goes on:
    so it is with metadata, which no index knows, and with filters that match many messages each and few together.
    """
    window = _window(session, filters, before)
    if window is None:
        return Found([], None)
    way, window = thinnest(session, filters, window)
    asked = conditions(filters, but=way.answers)
    if not asked:
        along = way.ids(window, limit + 1)
        return _cut(session.scalars(select(along.c.id).order_by(along.c.id.desc())).all(), limit)
    return _walk(session, way, asked, window, limit)


def _walk(session: Session, way: Way, asked: list[ColumnElement[bool]], window: Window, limit: int) -> Found:
    until = time.perf_counter() + LONGEST_SECONDS
    found: list[str] = []
    looked, step = 0, max(FIRST_LOOK, limit)
    while True:
        step = min(step, MOST_LOOKED_AT - looked)
        seen = _look(session, way, asked, window, step)
        found += [id_ for id_, fits in seen if fits]
        if len(found) > limit:
            return _cut(found, limit)
        if len(seen) < step:
            return Found(found, None)
        looked, window = looked + step, window.up_to(seen[-1][0])
        if looked >= MOST_LOOKED_AT or (looked >= LEAST_LOOKED_AT and time.perf_counter() > until):
            return Found(found, window.before)
        step = min(step * 4, LONGEST_LOOK)


def _look(
    session: Session, way: Way, asked: list[ColumnElement[bool]], window: Window, step: int
) -> Sequence[Row[str, int | None]]:
    """The next `step` ids along the way, each with whether its message fits."""
    along = way.ids(window, step)
    fits: ColumnElement[Any] = literal(1)
    for condition in reversed(asked):  # what is asked next is not looked into where the answer is no
        fits = case((condition, fits))
    query = select(along.c.id, fits).join(Message, Message.id == along.c.id)
    return session.execute(query.order_by(along.c.id.desc())).all()


def _cut(ids: Sequence[str], limit: int) -> Found:
    kept = ids[:limit]
    return Found(kept, kept[-1] if len(ids) > limit else None)


def _window(session: Session, filters: Filters, before: str | None) -> Window | None:
    """The ids that can fit at all; None: there are none. Moments and ids go together, but not to the millisecond."""
    first = last = None
    if filters.since is not None and (first := _first_since(session, filters.since)) is None:
        return None
    if filters.until is not None and (last := _last_until(session, filters.until)) is None:
        return None
    return Window(before, first, last)


def _first_since(session: Session, moment: datetime) -> str | None:
    first = select(Message.id).where(Message.created_at >= moment).order_by(Message.created_at, Message.id)
    oldest: str | None = session.scalar(select(func.min(first.limit(DISORDER).subquery().c.id)))
    return oldest


def _last_until(session: Session, moment: datetime) -> str | None:
    last = select(Message.id).where(Message.created_at < moment)
    last = last.order_by(Message.created_at.desc(), Message.id.desc())
    youngest: str | None = session.scalar(select(func.max(last.limit(DISORDER).subquery().c.id)))
    return youngest
