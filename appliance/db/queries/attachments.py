"""Attachments, and which of their files somebody still needs."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.db.models import ApiKey, Attachment, MessageAttachment

MOST_USES = 100


def one(session: Session, attachment_id: str, *, api_key_id: str | None, now: datetime) -> Attachment | None:
    """None also for one that has expired, or that belongs to another key than `api_key_id` (None: any)."""
    found = session.get(Attachment, attachment_id)
    if found is None or found.expires_at <= now or (api_key_id is not None and found.api_key_id != api_key_id):
        return None
    return found


def of_message(session: Session, message_id: str) -> Sequence[MessageAttachment]:
    return session.scalars(
        select(MessageAttachment).where(MessageAttachment.message_id == message_id).order_by(MessageAttachment.id)
    ).all()


def uploads(session: Session, *, after: str, limit: int) -> Sequence[Attachment]:
    """The oldest first, from the one after `after`."""
    return session.scalars(select(Attachment).where(Attachment.id > after).order_by(Attachment.id).limit(limit)).all()


def expired_ids(session: Session, *, now: datetime, limit: int) -> Sequence[str]:
    return session.scalars(select(Attachment.id).where(Attachment.expires_at <= now).limit(limit)).all()


def needed(session: Session, sha256s: Iterable[str], *, now: datetime) -> set[str]:
    """Those files that an upload or a message refers to: until its age has come, a message may be sent again."""
    wanted = list(sha256s)
    uploaded = select(Attachment.sha256).where(Attachment.sha256.in_(wanted), Attachment.expires_at > now)
    used = select(MessageAttachment.sha256).where(
        MessageAttachment.sha256.in_(wanted), MessageAttachment.removed_at.is_(None)
    )
    return {*session.scalars(uploaded.distinct()), *session.scalars(used.distinct())}


def page(
    session: Session, *, now: datetime, before: str | None = None, limit: int = 50, q: str = ""
) -> tuple[Sequence[Attachment], str | None]:
    """Uploads that can be named, the newest first, with the id to go on from. `q`: a part of the name."""
    query = select(Attachment).where(Attachment.expires_at > now).order_by(Attachment.id.desc()).limit(limit + 1)
    if before:
        query = query.where(Attachment.id < before)
    if q:
        query = query.where(func.lower(Attachment.filename).contains(q.lower(), autoescape=True))
    found = session.scalars(query).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else None


def uses(session: Session, sha256: str) -> int:
    """How many messages have that content, by whichever upload: at most one more than MOST_USES is counted."""
    some = select(MessageAttachment.id).where(MessageAttachment.sha256 == sha256).limit(MOST_USES + 1).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def uploaders(session: Session, api_key_ids: Iterable[str | None]) -> dict[str, str]:
    """The names of the API keys that uploaded something, by id. What a person uploaded has none."""
    wanted = {one for one in api_key_ids if one is not None}
    return {row.id: row.name for row in session.execute(select(ApiKey.id, ApiKey.name).where(ApiKey.id.in_(wanted)))}
