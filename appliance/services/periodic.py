"""Periodic work by the name of its key in [schedule], and the memory of when it last ran."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import ScheduleRun
from appliance.errors import NotFound

Work = Callable[[], dict[str, Any]]


class Periodic:
    def __init__(self, database: Database, work: Mapping[str, Work], *, clock: Clock) -> None:
        self._database = database
        self._work = dict(work)
        self._clock = clock

    def run(self, key: str) -> dict[str, Any]:
        """Does the work, then notes that it was done: work that died half-way is made up at the next start."""
        if key not in self._work:
            raise NotFound("periodic task", key)
        started_at = self._clock()
        result = self._work[key]()
        self.note_run(key, started_at)
        return result

    def last_run_at(self, key: str) -> datetime | None:
        with self._database.read() as session:
            run = session.get(ScheduleRun, key)
            return run.last_run_at if run else None

    def note_run(self, key: str, moment: datetime) -> None:
        self._database.write(lambda session: session.merge(ScheduleRun(key=key, last_run_at=moment)) and None)
