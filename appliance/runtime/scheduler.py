"""APScheduler fires periodic tasks. It does no work itself: it enqueues, so that Flower shows all work."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from appliance.clock import Clock
from appliance.runtime.component import Component
from appliance.runtime.cron import CronTrigger, next_run

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
        self._interrupted = threading.Event()
        self._scheduler: BackgroundScheduler | None = None

    def run(self) -> None:
        self._interrupted.clear()
        self._scheduler = self._build()
        self._scheduler.start()
        try:
            self._make_up()
            self.ready()
            self._interrupted.wait()
        finally:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None

    def interrupt(self) -> None:
        self._interrupted.set()

    def next_runs(self) -> dict[str, datetime | None]:
        """When each key fires next; None while the scheduler stands still."""
        scheduler = self._scheduler
        jobs = {job.id: job for job in scheduler.get_jobs()} if scheduler else {}
        return {key: getattr(jobs.get(key), "next_run_time", None) for key in self._crons}

    def _build(self) -> BackgroundScheduler:
        # a run that comes late, because the box slept or the clock jumped, is still made, and once
        defaults = {"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        scheduler = BackgroundScheduler(timezone=self._zone, job_defaults=defaults)
        for key, expression in self._crons.items():
            scheduler.add_job(self._fire, CronTrigger(expression, self._zone), args=[key], id=key)
        return scheduler

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


def missed(expression: str, zone: ZoneInfo, last: datetime, now: datetime) -> bool:
    due = next_run(expression, zone, last)
    return due is not None and due <= now
