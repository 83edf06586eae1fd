"""Messages as they are shown: a page of them, one of them with everything, and counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from appliance.db.models import DeliveryAttempt, Message, MessageBody, MessageTag, Recipient, SenderAccount
from appliance.db.models.message import UNFINISHED, MessageStatus, Reason
from appliance.db.queries import metadata, templates

MOST_LOOKED_AT = 10_000


@dataclass(frozen=True, slots=True)
class Filters:
    """Empty fields do not filter. `api_key_id`: only that key's messages. `metadata`: keys and what they must have."""

    status: tuple[str, ...] = ()
    recipient: str = ""
    tag: str = ""
    account: str = ""
    template: str = ""  # slug, of those that are deleted as well, or id
    since: datetime | None = None
    until: datetime | None = None
    q: str = ""
    api_key_id: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    items: Sequence[Message]
    recipients: dict[str, list[Recipient]]
    next_id: str | None


@dataclass(frozen=True, slots=True)
class Detail:
    message: Message
    body: MessageBody | None
    recipients: Sequence[Recipient]
    attempts: Sequence[DeliveryAttempt]
    accounts: Sequence[SenderAccount]
    template_slug: str | None = None


def page(session: Session, filters: Filters, *, before: str | None = None, limit: int = 50) -> Page:
    """Newest first; `before` is the id that the previous page ended with, so new arrivals shift nothing.

    A page that looks into metadata may have fewer items than `limit`, even none, and still a `next_id`.
    """
    query = _filtered(select(Message), filters)
    if before:
        query = query.where(Message.id < before)
    last = _last_looked_at(session, query) if filters.metadata else None
    if last is not None:
        query = query.where(Message.id >= last)
    for key, value in filters.metadata:
        query = query.where(metadata.has(key, value))
    found = session.scalars(query.order_by(Message.id.desc()).limit(limit + 1)).all()
    items = found[:limit]
    return Page(items, _recipients_of(session, items), items[-1].id if len(found) > limit else last)


def _last_looked_at(session: Session, query: Select[Message]) -> str | None:
    """The oldest message that one look into metadata reaches; None: it reaches all of them.

    No index knows what is in metadata. A look at a million messages would hold everybody up, so each page looks at a
    part of them, and the next page goes on from there.
    """
    ids = query.with_only_columns(Message.id).order_by(Message.id.desc())
    return session.scalar(ids.offset(MOST_LOOKED_AT - 1).limit(1))


def detail(session: Session, message_id: str, *, api_key_id: str | None = None) -> Detail | None:
    message = session.get(Message, message_id)
    if message is None or (api_key_id is not None and message.api_key_id != api_key_id):
        return None
    of_message = Recipient.message_id == message_id
    return Detail(
        message,
        session.get(MessageBody, message_id),
        session.scalars(select(Recipient).where(of_message).order_by(Recipient.id)).all(),
        session.scalars(
            select(DeliveryAttempt).where(DeliveryAttempt.message_id == message_id).order_by(DeliveryAttempt.id)
        ).all(),
        session.scalars(select(SenderAccount).where(SenderAccount.deleted_at.is_(None))).all(),
        templates.slug_of(session, message.template_id),
    )


def status_of(session: Session, message_id: str, api_key_id: str | None = None) -> str | None:
    query = select(Message.status).where(Message.id == message_id)
    if api_key_id is not None:
        query = query.where(Message.api_key_id == api_key_id)
    return session.scalar(query)


def held_ids(session: Session, reasons: Sequence[Reason], *, after: str = "", limit: int) -> Sequence[str]:
    """Held messages younger than `after`, the oldest first."""
    return session.scalars(
        select(Message.id)
        .where(Message.status == MessageStatus.HELD, Message.reason.in_(reasons), Message.id > after)
        .order_by(Message.id)
        .limit(limit)
    ).all()


def counts_by_status(session: Session) -> dict[str, int]:
    """Every state, also those that no message is in."""
    found = session.execute(select(Message.status, func.count()).group_by(Message.status))
    counted = {status: count for status, count in found}
    return {str(status): counted.get(status, 0) for status in MessageStatus}


def oldest_unfinished_at(session: Session) -> dict[str, datetime]:
    """For each unfinished state that has a message: when its oldest was accepted."""
    found = {}
    for status in UNFINISHED:
        first = session.scalar(select(Message.created_at).where(Message.status == status).order_by(Message.id).limit(1))
        if first is not None:
            found[str(status)] = first
    return found


def _filtered(query: Select[Message], filters: Filters) -> Select[Message]:
    conditions: list[ColumnElement[bool]] = []
    if filters.status:
        conditions.append(Message.status.in_(filters.status))
    if filters.api_key_id is not None:
        conditions.append(Message.api_key_id == filters.api_key_id)
    if filters.template:
        conditions.append(Message.template_id.in_(templates.ids_of(filters.template)))
    if filters.account:
        of_account = select(DeliveryAttempt.message_id).where(DeliveryAttempt.account_id == filters.account)
        conditions.append((Message.account_id == filters.account) | Message.id.in_(of_account))
    if filters.recipient:
        conditions.append(Message.id.in_(_to_recipient(filters.recipient)))
    if filters.tag:
        conditions.append(Message.id.in_(select(MessageTag.message_id).where(MessageTag.tag == filters.tag)))
    if filters.since:
        conditions.append(Message.created_at >= filters.since)
    if filters.until:
        conditions.append(Message.created_at < filters.until)
    if filters.q:
        conditions.append(_mentions(filters.q))
    return query.where(*conditions)


def _to_recipient(wanted: str) -> Select[str]:
    """A whole address, or the start of one."""
    query = select(Recipient.message_id)
    if "@" in wanted:
        return query.where(Recipient.email == wanted)
    return query.where(Recipient.email.startswith(wanted, autoescape=True))


def _mentions(words: str) -> ColumnElement[bool]:
    return (
        Message.subject.icontains(words, autoescape=True)
        | (Message.id == words)
        | (Message.rfc_message_id == words)
        | (Message.request_id == words)
    )


def _recipients_of(session: Session, messages: Sequence[Message]) -> dict[str, list[Recipient]]:
    grouped: dict[str, list[Recipient]] = {message.id: [] for message in messages}
    for recipient in session.scalars(
        select(Recipient).where(Recipient.message_id.in_(list(grouped))).order_by(Recipient.id)
    ):
        grouped[recipient.message_id].append(recipient)
    return grouped
