"""Attachments, and which of their files somebody still needs."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.db.models import Attachment, MessageAttachment


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
