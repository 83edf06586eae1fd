"""Counts what waits to be sent: by state, by the sender account that was asked for, and since when.

A backlog may be a million messages, so it is counted in steps, and the count is kept for a minute.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models.message import UNFINISHED
from appliance.db.queries import box
from appliance.services.pace import Pace

STEP = 5000
KEPT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """`by_account`: the key None stands for messages that may go through any account."""

    counted_at: datetime
    by_status: Mapping[str, int] = field(default_factory=dict)
    by_account: Mapping[str | None, int] = field(default_factory=dict)
    oldest: datetime | None = None

    @property
    def total(self) -> int:
        return sum(self.by_status.values())


class WaitingMessages:
    def __init__(self, database: Database, *, clock: Clock, step: int = STEP) -> None:
        self._database = database
        self._clock = clock
        self._step = step
        self._last: Waiting | None = None

    def count(self) -> Waiting:
        now = self._clock()
        last = self._last
        if last is None or not last.counted_at <= now < last.counted_at + KEPT:
            last = self._last = self._count(now)
        return last

    def _count(self, now: datetime) -> Waiting:
        by_status: dict[str, int] = {}
        by_account: dict[str | None, int] = {}
        moments: list[datetime] = []
        for status in UNFINISHED:
            for account_id, count, oldest in self._of(status):
                by_status[status] = by_status.get(status, 0) + count
                by_account[account_id] = by_account.get(account_id, 0) + count
                moments.append(oldest)
        return Waiting(now, by_status, by_account, min(moments, default=None))

    def _of(self, status: str) -> list[tuple[str | None, int, datetime]]:
        found: list[tuple[str | None, int, datetime]] = []
        after, pace, more = "", Pace(), True
        while more:
            with self._database.read() as session:
                rows = box.waiting_by_account(session, status, after=after, most=self._step)
            found += [(row[0], row[1], row[2]) for row in rows]
            after = max((row[3] for row in rows), default="")
            more = sum(row[1] for row in rows) == self._step
            pace.step()
        return found
