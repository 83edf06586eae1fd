"""Work on many rows, done in steps by a worker, and the verbs that move it from state to state.

Each verb is one compare-and-set UPDATE, as those of a message are. A step changes its rows and advances the job in one
transaction, so a process that dies at any line leaves a job that goes on from exactly where it was.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, delete, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, affected, changed_one
from appliance.db.models.message_deed import DoneBy
from appliance.db.types import Json


class JobState(StrEnum):
    QUEUED = "queued"  # waits for a worker
    RUNNING = "running"  # a worker is at it, or died at it a moment ago
    DONE = "done"
    FAILED = "failed"  # `error` says why; what it had changed stays changed
    CANCELLED = "cancelled"  # what it had changed stays changed


ACTIVE = (JobState.QUEUED, JobState.RUNNING)


class Job(Base):
    """`total`: what there was to do when the job was made. `done` of it were looked at: each was changed or skipped.

    `cursor`: the id of the last row that was looked at. `lease_until`: until then a worker, or the way to one, has it.
    `run_id`: of the worker that has it.
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    parameters: Mapped[dict[str, Any]] = mapped_column(Json)
    state: Mapped[str] = mapped_column(String(16), default=JobState.QUEUED)
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    cursor: Mapped[str] = mapped_column(String(40), default="")
    error: Mapped[str] = mapped_column(Text, default="")
    created_by: Mapped[str] = mapped_column(String(40))  # the id of an API key or a user
    actor: Mapped[dict[str, Any]] = mapped_column(Json)  # who it is done for, as the audit tells it
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    run_id: Mapped[str | None] = mapped_column(String(40))
    lease_until: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_jobs_created_by", "created_by", "id"),
        Index(
            "ix_jobs_active",
            "id",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
        Index("ix_jobs_finished_at", "finished_at"),
    )

    @property
    def done_by(self) -> DoneBy:
        return DoneBy(str(self.actor.get("name") or self.created_by), self.id)

    @property
    def percent(self) -> int:
        if self.state == JobState.DONE:
            return 100
        return min(99, 100 * self.done // self.total) if self.total else 0

    @classmethod
    def hand_over(cls, session: Session, job_id: str, *, now: datetime, lease_until: datetime) -> bool:
        """On its way to a worker. Whoever had it let its lease run out, and finds that it has it no more."""
        free = cls.lease_until.is_(None) | (cls.lease_until <= now)
        query = update(cls).where(cls.id == job_id, cls.state.in_(ACTIVE), free)
        return changed_one(session, query.values(state=JobState.QUEUED, run_id=None, lease_until=lease_until))

    @classmethod
    def take(cls, session: Session, job_id: str, *, run_id: str, now: datetime, lease_until: datetime) -> bool:
        """Queued -> running, by one worker."""
        query = update(cls).where(cls.id == job_id, cls.state == JobState.QUEUED)
        started = func.coalesce(cls.started_at, now)
        values = {"state": JobState.RUNNING, "run_id": run_id, "started_at": started, "lease_until": lease_until}
        return changed_one(session, query.values(values))

    @classmethod
    def hold(cls, session: Session, job_id: str, *, run_id: str, lease_until: datetime) -> bool:
        """At the beginning of each step: whether this worker still has it. On a database server it locks the row."""
        return _by_its_worker(session, job_id, run_id, lease_until=lease_until)

    @classmethod
    def advance(cls, session: Session, job_id: str, *, run_id: str, cursor: str, changed: int, skipped: int) -> bool:
        counts = {"changed": cls.changed + changed, "skipped": cls.skipped + skipped}
        return _by_its_worker(session, job_id, run_id, cursor=cursor, done=cls.done + changed + skipped, **counts)

    @classmethod
    def give_back(cls, session: Session, job_id: str, *, run_id: str) -> bool:
        """Running -> queued, to be handed over anew."""
        return _by_its_worker(session, job_id, run_id, state=JobState.QUEUED, **_FREE)

    @classmethod
    def finish(cls, session: Session, job_id: str, *, run_id: str, now: datetime, error: str = "") -> bool:
        """Running -> done, or with an `error` failed."""
        state = JobState.FAILED if error else JobState.DONE
        return _by_its_worker(session, job_id, run_id, state=state, error=error, **_over(now))

    @classmethod
    def cancel(cls, session: Session, job_id: str, *, now: datetime, created_by: str | None = None) -> bool:
        """Queued or running -> cancelled. A worker that has it stops before its next step.

        `created_by`: only if it is of this key or user.
        """
        query = update(cls).where(cls.id == job_id, cls.state.in_(ACTIVE))
        if created_by is not None:
            query = query.where(cls.created_by == created_by)
        return changed_one(session, query.values(state=JobState.CANCELLED, **_over(now)))

    @classmethod
    def remove_finished(cls, session: Session, *, before: datetime, limit: int) -> int:
        """Returns how many were removed, `limit` at most."""
        old = select(cls.id).where(cls.finished_at < before).limit(limit)
        return affected(session, delete(cls).where(cls.id.in_(old)))


_FREE: dict[str, Any] = {"run_id": None, "lease_until": None}


def _over(now: datetime) -> dict[str, Any]:
    return {"finished_at": now, **_FREE}


def _by_its_worker(session: Session, job_id: str, of_run: str, **values: Any) -> bool:
    query = update(Job).where(Job.id == job_id, Job.state == JobState.RUNNING, Job.run_id == of_run)
    return changed_one(session, query.values(values))
