"""Attachments, and which of their files somebody still needs."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.db.models import Attachment, Message, MessageAttachment
from appliance.db.models.message import UNFINISHED


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


def needed(session: Session, sha256s: Iterable[str], *, now: datetime, since: datetime) -> set[str]:
    """Those files that an upload, an unfinished message or a message accepted after `since` refers to."""
    wanted = list(sha256s)
    uploaded = select(Attachment.sha256).where(Attachment.sha256.in_(wanted), Attachment.expires_at > now)
    used = (
        select(MessageAttachment.sha256)
        .join(Message, Message.id == MessageAttachment.message_id)
        .where(
            MessageAttachment.sha256.in_(wanted),
            Message.status.in_(UNFINISHED) | (Message.created_at > since),
        )
    )
    return {*session.scalars(uploaded), *session.scalars(used)}
