"""What is there already of what a new box needs. Each is one look at an index."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.db.models import ApiKey, Flag, Message, SenderAccount
from appliance.db.models.message import MessageStatus
from appliance.db.models.sender_account import TransportKind


def has_account(session: Session) -> bool:
    """One that lets mail out."""
    query = select(SenderAccount.id).where(
        SenderAccount.transport == TransportKind.SMTP, SenderAccount.deleted_at.is_(None)
    )
    return session.execute(query.limit(1)).first() is not None


def has_key(session: Session) -> bool:
    return session.execute(select(ApiKey.id).where(ApiKey.revoked_at.is_(None)).limit(1)).first() is not None


def has_sent(session: Session) -> bool:
    return session.execute(select(Message.id).where(Message.status == MessageStatus.SENT).limit(1)).first() is not None


def flag(session: Session, name: str) -> Any:
    """None: it is not set."""
    found = session.get(Flag, name)
    return None if found is None else found.value
