"""Figures of what happened, added up by hour, day and month: they outlive the messages.

A rollup is all that happened in one period to one group of messages: `value` of `dimension`, and of it what belongs to
the API key `scope`. Hours are UTC; days and months are those of the appliance's zone at the time of counting. The whole
is the dimension `total`, whose value is empty; of a scope it is that key's figures.

`TIMES` is a histogram of the seconds from when a message was to go to when it was sent. Its borders grow by a constant
factor, so a percentile read from it is within a known part of the true one, whatever the range; histograms of any
periods and groups are added column by column, by the database.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Integer, String, Table, delete, select, tuple_
from sqlalchemy.orm import Session

from appliance.clock import local_date
from appliance.db.models.base import Base, affected
from appliance.db.upsert import insert_into

COUNTERS = (
    "accepted",
    "sent",
    "partially_sent",
    "failed",
    "suppressed",
    "cancelled",
    "deferred",
    "held",
    "retried",
)
"""One each event of a message: its kind without `message.`"""

GROWTH = 1.6
BORDERS = tuple(0.005 * GROWTH**step for step in range(39))
"""Upper ends of the columns, in seconds: 5 ms to 3.3 days. What took longer is in one more column, the last."""
TIMES = tuple(f"times_{column:02d}" for column in range(len(BORDERS) + 1))

EVERYBODY = ""
NOBODY = " nobody"
"""The scope of messages that no API key submitted."""
NONE = ""
"""The value of messages without a template, and of what happened before a sender account was known."""
OTHER = " other"
"""The value that tags share which came when a period had its fill of them. No tag begins with a space."""


class Unit(StrEnum):
    HOUR = "h"
    DAY = "d"
    MONTH = "m"

    def period(self, moment: datetime, zone: ZoneInfo) -> str:
        """The one that `moment`, in UTC, is in: `2026-11-24T08`, `2026-11-24` or `2026-11`. They sort by time."""
        if self is Unit.HOUR:
            return moment.isoformat()[:13]
        return local_date(moment, zone)[: 10 if self is Unit.DAY else 7]


class Dimension(StrEnum):
    TOTAL = "total"
    ACCOUNT = "account"
    TEMPLATE = "template"
    TAG = "tag"


KEY = ("unit", "scope", "dimension", "period", "value")


class Rollup(Base):
    __table__ = Table(
        "rollups",
        Base.metadata,
        Column("unit", String(1), primary_key=True),
        Column("scope", String(40), primary_key=True),
        Column("dimension", String(8), primary_key=True),
        Column("period", String(13), primary_key=True),
        Column("value", String(64), primary_key=True),
        *(Column(name, Integer, nullable=False) for name in (*COUNTERS, *TIMES)),
        sqlite_with_rowid=False,  # then a range of periods is read in one piece
    )

    @classmethod
    def add(cls, session: Session, rows: Sequence[dict[str, Any]]) -> None:
        """Adds each row, which has every column, to what is there. In the order of the keys: two cannot dead-lock."""
        if rows:
            ordered = sorted(rows, key=lambda row: [row[name] for name in KEY])
            session.connection().execute(_add(session.get_bind().dialect.name), ordered)

    @classmethod
    def remove_before(cls, session: Session, unit: Unit, scope: str, dimension: str, period: str, *, limit: int) -> int:
        """Of the periods before `period`. Returns how many were removed, `limit` at most."""
        columns = [cls.__table__.c[name] for name in KEY]
        of_group = (
            cls.__table__.c.unit == unit,
            cls.__table__.c.scope == scope,
            cls.__table__.c.dimension == dimension,
        )
        old = select(*columns).where(*of_group, cls.__table__.c.period < period).limit(limit)
        return affected(session, delete(cls).where(tuple_(*columns).in_(old)))


def column_of(seconds: float) -> str:
    """Of `TIMES`."""
    return TIMES[bisect_left(BORDERS, seconds)]


@cache
def _add(dialect: str) -> Any:
    insert = insert_into(Rollup, dialect)
    sums = {name: Rollup.__table__.c[name] + insert.excluded[name] for name in (*COUNTERS, *TIMES)}
    return insert.on_conflict_do_update(index_elements=list(KEY), set_=sums)
