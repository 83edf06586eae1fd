"""Jobs as they are shown, and those that need a worker."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.db.models import Job


def page(
    session: Session, *, created_by: str | None = None, state: str = "", before: str | None = None, limit: int = 50
) -> tuple[Sequence[Job], str | None]:
    """The newest first, with the id to go on from. `created_by`: only those of this key or user."""
    query = select(Job).order_by(Job.id.desc()).limit(limit + 1)
    if created_by is not None:
        query = query.where(Job.created_by == created_by)
    if state:
        query = query.where(Job.state == state)
    if before:
        query = query.where(Job.id < before)
    found = session.scalars(query).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else None


def one(session: Session, job_id: str, *, created_by: str | None = None) -> Job | None:
    job = session.get(Job, job_id)
    return job if job is not None and created_by in (None, job.created_by) else None


def known(session: Session, job_ids: Iterable[str]) -> set[str]:
    """Those of `job_ids` that are not forgotten yet."""
    wanted = set(job_ids)
    return set(session.scalars(select(Job.id).where(Job.id.in_(wanted)))) if wanted else set()


def with_a_worker(session: Session, now: datetime) -> int:
    """How many a worker has, or is about to have."""
    query = select(func.count()).select_from(Job).where(Job.finished_at.is_(None), Job.lease_until > now)
    return session.scalar(query) or 0


def without_a_worker(session: Session, now: datetime, *, limit: int) -> Sequence[str]:
    """Ids of unfinished ones that nobody has, or whose worker is dead; the oldest first."""
    free = Job.lease_until.is_(None) | (Job.lease_until <= now)
    return session.scalars(select(Job.id).where(Job.finished_at.is_(None), free).order_by(Job.id).limit(limit)).all()
