"""Removes what has reached its age, in steps so small that nobody notices, and gives the room back to the disk.

A step is one short write, then as long a rest. Nothing is remembered between steps but for people to read: a run that
dies half-way is taken up by the next one, which finds what is left.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.settings import RetentionSettings
from appliance.db.database import Database
from appliance.db.models.audit_entry import AuditEntry
from appliance.db.space import DatabaseSpace, Usage
from appliance.services import audit
from appliance.services.pace import Pace
from appliance.services.permission import Permission, needs
from appliance.services.retention_report import Preview, PreviewedKind, Report, ReportBook
from appliance.services.retention_sweeps import Sweep, sweeps

GIVE_BACK_PAGES = 250  # of 4 KiB, in one go: some 10 ms in which other writes wait
KEPT_FREE_SHARE = 20  # a twentieth of the file stays free: tomorrow's mail would only make it grow again
RESTS = 1.0  # as long as the work before it
SHORTEST_REST = 0.002
LOOK = 1000  # things that a preview looks at in one read: some 5 ms
NOTED_EVERY = 2.0  # seconds
PREVIEW_KEPT = timedelta(seconds=30)

log = structlog.get_logger(__name__)


class Retention:
    """`remove_files` removes attachment files that nothing needs. One run at a time."""

    def __init__(
        self,
        database: Database,
        space: DatabaseSpace,
        settings: RetentionSettings,
        *,
        remove_files: Callable[[], int],
        clock: Clock,
    ) -> None:
        self._database = database
        self._space = space
        self._settings = settings
        self._remove_files = remove_files
        self._clock = clock
        self._book = ReportBook(database, clock=clock)
        self._preview: Preview | None = None
        self._at_work = threading.Lock()
        self._stopping = threading.Event()

    def run(self) -> dict[str, Any]:
        """Removes everything that is old enough by now. Returns counts by kind; `skipped` when a run is at work."""
        if not self._at_work.acquire(blocking=False):
            return {"skipped": "another run is at work"}
        try:
            return self._run()
        finally:
            self._preview = None
            self._at_work.release()

    def interrupt(self) -> None:
        """A run ends after the step that it is at: the next one goes on. From any thread."""
        self._stopping.set()

    @needs(Permission.ADMINISTER)
    def ask(self) -> None:
        """Notes who asked for a run, before it is enqueued. Raises StorageUnavailable."""
        row = audit.entry("retention.run", "", {}, self._clock())
        self._database.write(lambda session: AuditEntry.note(session, row))

    def preview(self) -> Preview:
        """What a run would remove now, or would have half a minute ago.

        It looks at everything that is old enough, with pauses: that takes seconds for a million messages.
        """
        now, pace, known = self._clock(), Pace(), self._preview
        if known is None or not known.at <= now <= known.at + PREVIEW_KEPT:
            known = Preview(now, tuple(self._previewed(sweep, pace) for sweep in sweeps(self._settings, now)))
            self._preview = known
        return known

    def usage(self) -> Usage:
        """Of the database. Raises StorageUnavailable."""
        return self._space.usage()

    def last_report(self) -> Report | None:
        """Of the run that is at work, else of the last one."""
        return self._book.last(at_work=self._at_work.locked())

    def _run(self) -> dict[str, Any]:
        before = self._space.usage()
        report = self._book.begin(before.size)
        for sweep in sweeps(self._settings, self._clock()):
            self._sweep(sweep, report)
        if not self._stopping.is_set():
            report.removed["files"] = self._remove_files()
            self._shrink()
        if not self._stopping.is_set():
            report.finish(self._clock(), self._space.usage().size)
        self._book.note(report)
        log.info("retention applied", **report.removed, bytes_before=before.size, bytes_after=report.size_after)
        return dict(report.removed)

    def _sweep(self, sweep: Sweep, report: Report) -> None:
        after: str | None = ""
        noted = time.monotonic()
        report.removed.setdefault(sweep.kind, 0)
        while after is not None and not self._stopping.is_set():
            began = time.monotonic()
            removed, after = self._database.write(partial(_step, sweep, after))
            report.removed[sweep.kind] += removed
            if began - noted > NOTED_EVERY:
                self._book.note(report)
                noted = began
            self._rest(time.monotonic() - began)

    def _shrink(self) -> None:
        """An error ends it: the room is not lost, and the next run tries again."""
        try:
            while self._gave_back() and not self._stopping.is_set():
                pass
            self._space.empty_log()
        except sqlite3.Error as error:
            log.warning("the database file could not be made smaller now", reason=str(error))

    def _gave_back(self) -> bool:
        """One step. False: there is nothing to give, or it did not go."""
        usage, began = self._space.usage(), time.monotonic()
        if not usage.shrinks or (usage.free or 0) <= usage.size // KEPT_FREE_SHARE:
            return False
        self._space.give_back(GIVE_BACK_PAGES)
        self._rest(time.monotonic() - began)
        return self._space.usage().size < usage.size

    def _rest(self, worked: float) -> None:
        self._stopping.wait(max(worked * RESTS, SHORTEST_REST))

    def _previewed(self, sweep: Sweep, pace: Pace) -> PreviewedKind:
        count = size = 0
        after: str | None = ""
        while after is not None:
            with self._database.read() as session:
                window = sweep.find(session, after, LOOK)
            count, size, after = count + window.count, size + window.size, window.last
            pace.step()
        return PreviewedKind(sweep.kind, sweep.older_than, count, size)


def _step(sweep: Sweep, after: str, session: Session) -> tuple[int, str | None]:
    """What is found is removed in the transaction that found it."""
    window = sweep.find(session, after, sweep.step)
    return sweep.remove(session, window.ids) if window.ids else 0, window.last
