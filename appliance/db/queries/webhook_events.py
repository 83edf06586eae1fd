"""What webhooks tell: who listens, and how messages and accounts stand at that moment."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from appliance.db.models import ApiKey, Message, Recipient, SenderAccount, WebhookEndpoint

MessageRow: TypeAlias = Row[Any]
RecipientRow: TypeAlias = Row[Any]

_ALL = select(WebhookEndpoint).where(WebhookEndpoint.deleted_at.is_(None))


def endpoints(session: Session, paused_after: datetime) -> Sequence[WebhookEndpoint]:
    """Those that are active, and those that were paused no earlier than that."""
    return session.scalars(
        _ALL.where(WebhookEndpoint.active.is_(True) | (WebhookEndpoint.paused_at > paused_after))
    ).all()


def keys(session: Session, ids: Iterable[str]) -> Mapping[str, ApiKey]:
    wanted = set(ids)
    if not wanted:
        return {}
    return {key.id: key for key in session.scalars(select(ApiKey).where(ApiKey.id.in_(wanted)))}


def messages(session: Session, ids: Iterable[str]) -> Mapping[str, MessageRow]:
    """By id. Those that are gone are not among them."""
    query = select(
        Message.id,
        Message.status,
        Message.reason,
        Message.detail,
        Message.subject,
        Message.tags,
        Message.meta,
        Message.attempts,
        Message.created_at,
        Message.due_at,
        Message.finished_at,
        Message.rfc_message_id,
    ).where(Message.id.in_(set(ids)))
    return {row.id: row for row in session.execute(query)}


def recipients(session: Session, message_ids: Iterable[str]) -> Mapping[str, Sequence[RecipientRow]]:
    query = select(
        Recipient.message_id,
        Recipient.email,
        Recipient.name,
        Recipient.kind,
        Recipient.status,
        Recipient.reply_code,
        Recipient.reply_text,
    ).where(Recipient.message_id.in_(set(message_ids)))
    found: dict[str, list[RecipientRow]] = defaultdict(list)
    rows: Iterable[RecipientRow] = session.execute(query.order_by(Recipient.id))
    for row in rows:
        found[row.message_id].append(row)
    return found


def accounts(session: Session, ids: Iterable[str]) -> Mapping[str, SenderAccount]:
    """By id; deleted ones as well."""
    wanted = set(ids)
    if not wanted:
        return {}
    return {one.id: one for one in session.scalars(select(SenderAccount).where(SenderAccount.id.in_(wanted)))}
