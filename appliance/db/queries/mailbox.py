"""What the built-in mailbox keeps."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from appliance.db.models import KeptMail


def page(
    session: Session, *, before: str | None = None, limit: int = 50, q: str = ""
) -> tuple[Sequence[KeptMail], str | None]:
    """Newest first, without the bytes, with the id to go on from."""
    query = select(KeptMail).order_by(KeptMail.id.desc()).limit(limit + 1)
    if before:
        query = query.where(KeptMail.id < before)
    if q:
        query = query.where(KeptMail.subject.icontains(q, autoescape=True))
    found = session.scalars(query).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else None


def one(session: Session, mail_id: str) -> KeptMail | None:
    """With its bytes."""
    return session.get(KeptMail, mail_id, options=[undefer(KeptMail.data)])


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(KeptMail)) or 0
