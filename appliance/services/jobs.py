"""Jobs: work on many rows that goes on after the answer. They are made, handed to workers, cancelled and forgotten."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, Job
from appliance.db.models.base import insert_rows
from appliance.db.models.job import JobState
from appliance.db.queries import jobs
from appliance.db.types import new_id
from appliance.errors import NotFound, WrongState
from appliance.language import gettext
from appliance.services import audit, idempotency
from appliance.services.idempotency import Once
from appliance.services.permission import Permission, needs

MOST_AT_ONCE = 2  # of all workers' slots; the others are for mail
WAY_TO_A_WORKER = timedelta(seconds=30)  # after that the task is taken for lost
KEPT_DAYS = 30
STEP = 500


@dataclass(frozen=True, slots=True)
class NewJob:
    """`kind` says which `Work` does it; `about` is what the audit tells of it."""

    kind: str
    parameters: Mapping[str, Any]
    total: int
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    id: str
    replayed: bool = False


class Jobs:
    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._wake: Callable[[], object] = lambda: None

    def wakes(self, wake: Callable[[], object]) -> None:
        """`wake` is called when there may be something to hand over, so that it need not wait for the next poll."""
        self._wake = wake

    def notify(self) -> None:
        """A job waits, or there is room for one that does."""
        self._wake()

    def make(self, new: NewJob, once: Once | None = None) -> Made:
        """Queues a job for whoever acts now. Durable when it returns.

        Raises:
            IdempotencyKeyReused: the key came before with another body.
            StorageUnavailable: no job was made.
        """
        try:
            made = self._store(new, once)
        except IntegrityError:
            # on a database server two requests with one key can race: the second finds the first's answer
            made = self._store(new, once)
        self.notify()
        return made

    def earlier(self, once: Once) -> Made | None:
        """The job that was made when the key came before. Raises IdempotencyKeyReused, StorageUnavailable."""
        now = self._clock()
        found = self._database.write(lambda session: idempotency.earlier_answer(session, once, now))
        return None if found is None else Made(found["job"], replayed=True)

    @needs(Permission.OPERATE)
    def cancel(self, job_id: str, *, created_by: str | None = None) -> None:
        """What it has changed stays changed. `created_by`: only if it is of this key or user.

        Raises NotFound, or WrongState when it has ended.
        """
        now = self._clock()
        row = audit.entry("job.cancelled", job_id, {}, now)

        def write(session: Session) -> None:
            cancelled = Job.cancel(session, job_id, now=now, created_by=created_by)
            job = jobs.one(session, job_id, created_by=created_by)  # after it: its worker may have been writing
            if job is None:
                raise NotFound("job", job_id)
            if not cancelled:
                raise WrongState(_too_late(job.state))
            AuditEntry.note(session, row | {"detail": counts(job)})

        self._database.write(write)

    def hand_over(self, enqueue: Callable[[str], None]) -> bool:
        """Gives those that nobody works at to workers, as many as may run; also what a dead worker left.

        Always False: the rest waits until one of them ends. Raises what `enqueue` raises; the job is tried again later.
        """
        now = self._clock()
        with self._database.read() as session:
            room = MOST_AT_ONCE - jobs.with_a_worker(session, now)
            waiting = jobs.without_a_worker(session, now, limit=room) if room > 0 else ()
        for job_id in waiting:
            take = partial(Job.hand_over, job_id=job_id, now=now, lease_until=now + WAY_TO_A_WORKER)
            if self._database.write(take):
                enqueue(job_id)
        return False

    def cleanup_finished(self) -> dict[str, int]:
        """Nobody asks for them after a month."""
        before, removed = self._clock() - timedelta(days=KEPT_DAYS), 0
        while some := self._database.write(partial(Job.remove_finished, before=before, limit=STEP)):
            removed += some
        return {"removed": removed}

    def _store(self, new: NewJob, once: Once | None) -> Made:
        job_id, now = new_id("job"), self._clock()
        row = {
            "id": job_id,
            "kind": new.kind,
            "parameters": dict(new.parameters),
            "state": JobState.QUEUED,
            "total": new.total,
            "created_by": audit.acting().id,
            "actor": asdict(audit.acting()),
            "created_at": now,
        }
        told = audit.entry("job.created", job_id, {"kind": new.kind, "total": new.total, **new.about}, now)

        def write(session: Session) -> Made:
            earlier = idempotency.earlier_answer(session, once, now) if once else None
            if earlier is not None:
                return Made(earlier["job"], replayed=True)
            insert_rows(session, Job, row)
            AuditEntry.note(session, told)
            if once:
                idempotency.remember(session, once, {"job": job_id}, now)
            return Made(job_id)

        return self._database.write(write)


def _too_late(state: str) -> str:
    return {
        JobState.DONE: gettext("The job cannot be cancelled: it is done already."),
        JobState.FAILED: gettext("The job cannot be cancelled: it is failed already."),
    }.get(JobState(state), gettext("The job cannot be cancelled: it is cancelled already."))


def counts(job: Job) -> dict[str, Any]:
    """How far it came, for the audit."""
    return {"kind": job.kind, "total": job.total, "changed": job.changed, "skipped": job.skipped}
