"""Messages as they are shown: a page of them, one of them with everything, and counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session

from appliance.db.models import (
    DeliveryAttempt,
    Message,
    MessageBody,
    MessageCount,
    MessageDeed,
    Recipient,
    SenderAccount,
)
from appliance.db.models.message import UNFINISHED, MessageStatus, Reason
from appliance.db.queries import message_search, outbox, templates
from appliance.db.queries.message_filters import Filters, filtered

__all__ = [
    "AccountOfAttempt",
    "Detail",
    "Filters",
    "Page",
    "counts_by_status",
    "deeds",
    "detail",
    "filtered",
    "held_ids",
    "last_accounts",
    "page",
    "status_of",
]


@dataclass(frozen=True, slots=True)
class Page:
    items: Sequence[Message]
    recipients: dict[str, list[Recipient]]
    next_id: str | None


@dataclass(frozen=True, slots=True)
class AccountOfAttempt:
    """As it was called then: it may have another name by now, or be gone. `email` is what it has now."""

    id: str | None
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    message: Message
    body: MessageBody | None
    recipients: Sequence[Recipient]
    attempts: Sequence[DeliveryAttempt]
    accounts: Sequence[SenderAccount]
    template_slug: str | None = None
    ahead: int = 0
    """Messages that go out before it while it is in the outbox: see `outbox.ahead_of`."""

    @property
    def numbers(self) -> dict[int, int]:
        """Of each attempt by its id, which one it is in the whole life of the message.

        A claim is one: a fail-over adds a further transaction to it. The number that is stored counts what is held
        against `max_attempts`, so a retry begins it anew, and what was an account's fault repeats it.
        """
        claims = dict.fromkeys(one.claim_id for one in self.attempts)
        places = {claim: number for number, claim in enumerate(claims, start=1)}
        return {one.id: places[one.claim_id] for one in self.attempts}


def page(session: Session, filters: Filters, *, before: str | None = None, limit: int = 50) -> Page:
    """Newest first; `before` is the id that the previous page ended with, so new arrivals shift nothing.

    A page may have fewer items than `limit`, even none, and still a `next_id`: see `message_search.find`.
    """
    found = message_search.find(session, filters, before=before, limit=limit)
    items = session.scalars(select(Message).where(Message.id.in_(found.ids)).order_by(Message.id.desc())).all()
    return Page(items, _recipients_of(session, items), found.next_id)


def last_accounts(session: Session, message_ids: Iterable[str]) -> dict[str, AccountOfAttempt]:
    """By message: which account tried it last. Those that none has tried are not there."""
    of_messages = DeliveryAttempt.message_id.in_(list(message_ids))
    last = select(func.max(DeliveryAttempt.id)).where(of_messages).group_by(DeliveryAttempt.message_id)
    columns = (DeliveryAttempt.account_id, DeliveryAttempt.account_name, SenderAccount.email)
    found = session.execute(
        select(DeliveryAttempt.message_id, *columns)
        .outerjoin(SenderAccount, SenderAccount.id == DeliveryAttempt.account_id)
        .where(DeliveryAttempt.id.in_(last))
    )
    return {
        message_id: AccountOfAttempt(account_id, name, email or "") for message_id, account_id, name, email in found
    }


def detail(
    session: Session, message_id: str, *, api_key_id: str | None = None, now: datetime | None = None
) -> Detail | None:
    """Without `now`, `ahead` is not counted."""
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
        _ahead_of(session, message, now),
    )


def deeds(session: Session, message_id: str, *, limit: int) -> Sequence[MessageDeed]:
    """What was done to it together with others; the newest first."""
    query = select(MessageDeed).where(MessageDeed.message_id == message_id)
    return session.scalars(query.order_by(MessageDeed.id.desc()).limit(limit)).all()


def _ahead_of(session: Session, message: Message, now: datetime | None) -> int:
    if now is None or message.status != MessageStatus.QUEUED or message.due_at is None or message.due_at > now:
        return 0
    return outbox.ahead_of(session, message, now=now)


def status_of(
    session: Session, message_id: str, api_key_id: str | None = None, *, to_change: bool = False
) -> str | None:
    """`to_change`: inside a write, where it stays so until the end; it waits for whoever changes it at that moment."""
    query = select(Message.status).where(Message.id == message_id)
    if to_change:
        query = query.with_for_update()
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
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    counted = {status: count for status, count in session.execute(_KEPT_COUNTS if on_sqlite else _COUNTS)}
    return {str(status): counted.get(status, 0) for status in MessageStatus}


def oldest_unfinished_at(session: Session) -> dict[str, datetime]:
    """For each unfinished state that has a message: when its oldest was accepted."""
    found = {}
    for status in UNFINISHED:
        # not `order_by(id)`: a server that guesses where such messages are may read all older ones
        oldest = select(func.min(Message.id)).where(Message.status == status).scalar_subquery()
        first = session.scalar(select(Message.created_at).where(Message.id == oldest))
        if first is not None:
            found[str(status)] = first
    return found


_KEPT_COUNTS = select(MessageCount.status, MessageCount.count)
_COUNTS = union_all(  # each from the index alone, where one grouped query would read the messages
    *(select(literal(str(status)), func.count()).where(Message.status == status) for status in MessageStatus)
)


def _recipients_of(session: Session, messages: Sequence[Message]) -> dict[str, list[Recipient]]:
    grouped: dict[str, list[Recipient]] = {message.id: [] for message in messages}
    for recipient in session.scalars(
        select(Recipient).where(Recipient.message_id.in_(list(grouped))).order_by(Recipient.id)
    ):
        grouped[recipient.message_id].append(recipient)
    return grouped
