"""Does a job: step after step, each a look and a short write, until nothing is left or somebody says stop."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, Job
from appliance.db.queries.matching import Look
from appliance.db.types import new_id
from appliance.errors import ApplianceError, StorageUnavailable
from appliance.sentences import kept
from appliance.services import audit
from appliance.services.audit import Actor
from appliance.services.jobs import Jobs, counts

STEP = 200  # rows changed in one write, so that a hundred thousand hold nobody up
REST_SECONDS = 0.01  # between two steps: requests and deliveries come first
LEASE = timedelta(seconds=30)  # far longer than a step; a job whose worker died goes on after it
UNEXPECTED = kept("A fault of the appliance; its log has the details under the id of the job. Make the job again.")
UNKNOWN_WORK = kept(
    "This version does not know jobs of the kind %(kind)s: a newer one made it. "
    "Make it again once that version runs. Nothing was changed."
)

log = structlog.get_logger(__name__)


class Work(Protocol):
    """What is done with the rows of one kind of job."""

    def look(self, session: Session, job: Job, *, after: str, limit: int) -> Look | None:
        """The next rows after the id `after`. None: there are no more. It only reads."""

    def change(self, session: Session, job: Job, ids: Sequence[str], now: datetime) -> int:
        """Inside a write: changes those of `ids` for which it makes sense by now; returns how many."""

    def settle(self, session: Session, job: Job, now: datetime) -> None:
        """Inside the write that ends the job."""

    def tell(self) -> None:
        """Rows were changed, and it is durable."""


class UnknownWork(ApplianceError):
    """The job is of a kind that this version does not know: a newer one made it."""


@dataclass(frozen=True, slots=True)
class _Run:
    id: str
    job: Job
    works: Mapping[str, Work]

    @property
    def work(self) -> Work:
        """Raises UnknownWork: the job ends with that reason, instead of coming back whenever its lease has run out."""
        if self.job.kind not in self.works:
            raise UnknownWork(UNKNOWN_WORK % {"kind": repr(self.job.kind)})
        return self.works[self.job.kind]


class JobRuns:
    """`works`: by the kind of job."""

    def __init__(self, database: Database, jobs: Jobs, works: Mapping[str, Work], *, clock: Clock) -> None:
        self._database = database
        self._jobs = jobs
        self._works = dict(works)
        self._clock = clock
        self._stopping = False

    def run(self, job_id: str) -> dict[str, int]:
        """Goes on from where the job is. Harmless when called twice: one worker has a job.

        Returns how many rows this run changed and skipped.

        Raises:
            StorageUnavailable: the job goes on when the database answers again.
        """
        run = self._take(job_id)
        if run is None:
            return {"changed": 0, "skipped": 0}
        with audit.act_as(Actor(**run.job.actor)):
            done = self._attempt(run)
        self._jobs.notify()  # there is room for another one
        return done

    def stop(self) -> None:
        """Those that run give their job back after the step that they are at; the next start goes on with it."""
        self._stopping = True

    def _take(self, job_id: str) -> _Run | None:
        run_id, now = new_id("run"), self._clock()

        def write(session: Session) -> Job | None:
            taken = Job.take(session, job_id, run_id=run_id, now=now, lease_until=now + LEASE)
            return session.get(Job, job_id) if taken else None

        job = self._database.write(write)
        return None if job is None else _Run(run_id, job, self._works)

    def _attempt(self, run: _Run) -> dict[str, int]:
        try:
            return self._to_the_end(run)
        except StorageUnavailable:
            with suppress(StorageUnavailable):  # then the lease runs out
                self._give_back(run)
            raise
        except Exception as error:
            log.exception("a job failed", job=run.job.id, kind=run.job.kind)
            self._finish(run, str(error) if isinstance(error, ApplianceError) else UNEXPECTED)
            raise

    def _to_the_end(self, run: _Run) -> dict[str, int]:
        changed, looked_at, after = 0, 0, run.job.cursor
        while look := self._look(run, after):
            some = self._step(run, look)
            if some is None:  # cancelled, or taken for dead
                break
            changed, looked_at, after = changed + some, looked_at + len(look.ids), look.cursor
            if some:
                run.work.tell()
            if self._stopping:
                self._give_back(run)
                break
            time.sleep(REST_SECONDS)
        else:
            self._finish(run)
        return {"changed": changed, "skipped": looked_at - changed}

    def _look(self, run: _Run, after: str) -> Look | None:
        with self._database.read() as session:
            return run.work.look(session, run.job, after=after, limit=STEP)

    def _step(self, run: _Run, look: Look) -> int | None:
        """Returns how many rows it changed; None: this worker has the job no more, and nothing was changed."""
        now = self._clock()

        def write(session: Session) -> int | None:
            if not Job.hold(session, run.job.id, run_id=run.id, lease_until=now + LEASE):
                return None
            changed = run.work.change(session, run.job, look.ids, now) if look.ids else 0
            skipped = len(look.ids) - changed
            Job.advance(session, run.job.id, run_id=run.id, cursor=look.cursor, changed=changed, skipped=skipped)
            return changed

        return self._database.write(write)

    def _finish(self, run: _Run, error: str = "") -> None:
        now = self._clock()
        row = audit.entry("job.failed" if error else "job.done", run.job.id, {}, now)

        def write(session: Session) -> None:
            if Job.finish(session, run.job.id, run_id=run.id, now=now, error=error):
                if not error:
                    run.work.settle(session, run.job, now)
                job = session.get_one(Job, run.job.id)
                AuditEntry.note(session, row | {"detail": counts(job) | ({"error": error} if error else {})})

        self._database.write(write)

    def _give_back(self, run: _Run) -> None:
        self._database.write(partial(Job.give_back, job_id=run.job.id, run_id=run.id))
