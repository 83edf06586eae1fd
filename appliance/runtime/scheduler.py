"""APScheduler fires periodic tasks. It does no work itself: it enqueues, so that Flower shows all work."""

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import structlog
from apscheduler.events import EVENT_SCHEDULER_STARTED
from apscheduler.schedulers import SchedulerNotRunningError
from apscheduler.schedulers.blocking import BlockingScheduler

from appliance.clock import Clock
from appliance.runtime.component import Component
from appliance.runtime.cron import CronTrigger, next_run

LONGEST_WAIT = 60.0

log = structlog.get_logger(__name__)


class Scheduler(Component):
    name: ClassVar[str] = "scheduler"

    def __init__(
        self,
        crons: Mapping[str, str],
        enqueue: Callable[[str], None],
        last_run_at: Callable[[str], datetime | None],
        note_run: Callable[[str, datetime], None],
        *,
        zone: ZoneInfo,
        clock: Clock,
    ) -> None:
        """`crons`: the cron expression of each key of [schedule]. `note_run` sets where counting missed runs starts."""
        super().__init__()
        self._crons = dict(crons)
        self._enqueue = enqueue
        self._last_run_at = last_run_at
        self._note_run = note_run
        self._zone = zone
        self._clock = clock
        self._clockwork: _Clockwork | None = None

    def run(self) -> None:
        self._make_up()
        self._clockwork = self._build()
        try:
            self._clockwork.start()
        finally:
            self.interrupt()
            self._clockwork = None

    def interrupt(self) -> None:
        clockwork = self._clockwork
        if clockwork is not None:
            with contextlib.suppress(SchedulerNotRunningError):
                clockwork.shutdown(wait=False)

    def next_runs(self) -> dict[str, datetime | None]:
        """When each key fires next; None while the scheduler stands still."""
        clockwork = self._clockwork
        jobs = {job.id: job for job in clockwork.get_jobs()} if clockwork else {}
        return {key: getattr(jobs.get(key), "next_run_time", None) for key in self._crons}

    def _build(self) -> "_Clockwork":
        # a run that comes late, because the box slept or the clock jumped, is still made, and once
        defaults = {"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        clockwork = _Clockwork(timezone=self._zone, job_defaults=defaults)
        for key, expression in self._crons.items():
            clockwork.add_job(self._fire, CronTrigger(expression, self._zone), args=[key], id=key)
        clockwork.add_listener(lambda _: self.ready(), EVENT_SCHEDULER_STARTED)
        return clockwork

    def _make_up(self) -> None:
        """Runs that fell into the time when the box was off are made up, once each."""
        now = self._clock()
        for key, expression in self._crons.items():
            last = self._last_run_at(key)
            if last is None:
                self._note_run(key, now)
            elif missed(expression, self._zone, last, now):
                log.info("a missed periodic run is made up", task=key, last_run=last.isoformat())
                self._fire(key)

    def _fire(self, key: str) -> None:
        try:
            self._enqueue(key)
        except Exception as error:  # noqa: BLE001 - APScheduler's thread must live; the run is made up at the next start
            log.error("a periodic task could not be enqueued", task=key, reason=str(error))


class _Clockwork(BlockingScheduler):  # type: ignore[misc]  # APScheduler has no types
    """Runs in the component's own thread, so that its failure is the component's, and looks at the clock often."""

    def _process_jobs(self) -> Any:
        """Returns the seconds until the next look: the clock may be set, or the box may sleep, at any time."""
        return min(super()._process_jobs() or LONGEST_WAIT, LONGEST_WAIT)


def missed(expression: str, zone: ZoneInfo, last: datetime, now: datetime) -> bool:
    due = next_run(expression, zone, last)
    return due is not None and due <= now
