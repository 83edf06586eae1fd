"""Notices that the clock was set back, and moves what was counted from the wrong time.

Without it mail that was queued at 12:00 would wait an hour when the clock turns out to be fast by one: it is due at
12:00. What a person chose (send at, expires at) and what hangs on midnight means the time of day, and stays. A clock
that is set forward makes what waits due sooner, which needs no help; leases are renewed before anybody looks whether
they are over.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models.clock_changes import move_due, move_rest
from appliance.db.queries import clock_changes

NOTICED = timedelta(seconds=5)  # smaller steps are those of an NTP client
STEP = 500

log = structlog.get_logger(__name__)


class ClockChanges:
    """`timer` counts seconds whatever the clock shows."""

    def __init__(
        self,
        database: Database,
        *,
        on_due: Callable[[], None],
        clock: Clock,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._on_due = on_due
        self._clock = clock
        self._timer = timer
        self._started_at: datetime | None = None  # the clock less the timer

    def look(self) -> None:
        """Now and then. Raises StorageUnavailable; then the next look does it."""
        started_at = self._clock() - timedelta(seconds=self._timer())
        if self._started_at is None:
            self._make_due()  # it may have been set back while nothing ran
        elif self._started_at - started_at > NOTICED:
            self._set_back(self._started_at - started_at)
        self._started_at = started_at

    def _set_back(self, by: timedelta) -> None:
        log.warning("the clock was set back", seconds=round(by.total_seconds()))
        self._make_due()
        self._end_rests(by)
        self._move_retries(by)
        self._on_due()

    def _make_due(self) -> None:
        now = self._clock()

        def step(session: Session) -> int:
            early = clock_changes.queued_ahead_of_time(session, now=now, limit=STEP)
            move_due(session, dict.fromkeys(early, now))
            return len(early)

        while self._database.write(step):
            self._on_due()

    def _end_rests(self, by: timedelta) -> None:
        now = self._clock()
        self._database.write(
            lambda session: move_rest(
                session, {id_: until - by for id_, until in clock_changes.resting(session, now=now)}
            )
        )

    def _move_retries(self, by: timedelta) -> None:
        now, after = self._clock(), ""
        while True:
            with self._database.read() as session:
                waiting = clock_changes.retries(session, now=now, after=after, limit=STEP)
            if not waiting:
                return
            after = waiting[-1][0]
            self._database.write(partial(move_due, moments={id_: at - by for id_, at in waiting}))
