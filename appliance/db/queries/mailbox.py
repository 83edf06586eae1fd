"""What the built-in mailbox keeps."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Text, cast, func, or_, select
from sqlalchemy.orm import Session, undefer

from appliance.db.models import KeptMail

MOST_LOOKED_AT = 5_000


def page(
    session: Session, *, before: str | None = None, limit: int = 50, q: str = ""
) -> tuple[Sequence[KeptMail], str | None]:
    """Newest first, without the bytes, with the id to go on from. `q`: part of the subject or of an address.

    A search ends after MOST_LOOKED_AT mails even if it has found fewer than `limit`, perhaps none.
    """
    query = select(KeptMail).order_by(KeptMail.id.desc()).limit(limit + 1)
    if before:
        query = query.where(KeptMail.id < before)
    last = None
    if q:
        last = _last_looked_at(session, before)
        query = query.where(_mentions(q), KeptMail.id >= (last or ""))
    found = session.scalars(query).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else last


def _mentions(q: str) -> ColumnElement[bool]:
    recipients = cast(KeptMail.rcpt_to, Text)
    return or_(*(one.icontains(q, autoescape=True) for one in (KeptMail.subject, KeptMail.mail_from, recipients)))


def _last_looked_at(session: Session, before: str | None) -> str | None:
    """Where one search ends; None: at the oldest."""
    ids = select(KeptMail.id).order_by(KeptMail.id.desc()).offset(MOST_LOOKED_AT - 1).limit(1)
    return session.scalar(ids.where(KeptMail.id < before) if before else ids)


def one(session: Session, mail_id: str) -> KeptMail | None:
    """With its bytes."""
    return session.get(KeptMail, mail_id, options=[undefer(KeptMail.data)])


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(KeptMail)) or 0
