"""What a worker needs to send claimed messages: everything in one short read, as plain values."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.db.models import DeliveryAttempt, Message, MessageAttachment, MessageBody, Recipient, SenderAccount
from appliance.db.models.message import MessageStatus
from appliance.db.models.recipient import RecipientStatus


@dataclass(frozen=True, slots=True)
class OutgoingRecipient:
    id: int
    kind: str
    email: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class OutgoingAttachment:
    filename: str
    content_type: str
    content_id: str | None
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A claimed message with its content. `attempts`: how many were made before. `choice`: as that of `Message`."""

    id: str
    claim_id: str
    account_id: str
    claim_day: str
    choice: str | None
    attempts: int
    subject: str
    sender_email: str | None
    sender_name: str
    reply_to: Sequence[dict[str, str]]
    headers: dict[str, str]
    text: str | None
    html: str | None
    rfc_message_id: str
    request_id: str
    first_due_at: datetime
    age_from: datetime
    recipients: tuple[OutgoingRecipient, ...]
    attachments: tuple[OutgoingAttachment, ...] = ()
    expires_at: datetime | None = None
    content_removed: bool = False

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    @property
    def pending(self) -> tuple[OutgoingRecipient, ...]:
        """Those who have no outcome yet."""
        return tuple(recipient for recipient in self.recipients if recipient.status == RecipientStatus.PENDING)


def of_claim(session: Session, claim_id: str, message_ids: Sequence[str]) -> list[OutgoingMessage]:
    """Those of `message_ids` that this claim still holds and that nobody has begun to send, in their order."""
    recipients = recipients_of(session, message_ids)
    attachments = _attachments(session, message_ids)
    rows = session.execute(
        select(Message, MessageBody)
        .outerjoin(MessageBody, MessageBody.message_id == Message.id)
        .where(
            Message.id.in_(message_ids),
            Message.claim_id == claim_id,
            Message.status == MessageStatus.SENDING,
            Message.begun.is_(False),
        )
    )
    found = {
        message.id: _outgoing(message, body, recipients[message.id], attachments[message.id]) for message, body in rows
    }
    return [found[message_id] for message_id in message_ids if message_id in found]


def one(session: Session, message_id: str, *, api_key_id: str | None = None) -> OutgoingMessage | None:
    """Whatever its state. `api_key_id`: only if it is that key's."""
    message = session.get(Message, message_id)
    if message is None or (api_key_id is not None and message.api_key_id != api_key_id):
        return None
    recipients, attachments = recipients_of(session, [message_id]), _attachments(session, [message_id])
    body = session.get(MessageBody, message_id)
    return _outgoing(message, body, recipients[message_id], attachments[message_id])


def oldest_of(session: Session, rfc_message_id: str) -> Message | None:
    """The first message that had this Message-ID."""
    query = select(Message).where(Message.rfc_message_id == rfc_message_id).order_by(Message.id).limit(1)
    return session.scalars(query).one_or_none()


def last_account_id(session: Session, message_id: str) -> str | None:
    """Of the sender account that tried last, else of the one that holds it or that it asked for."""
    tried = session.scalar(
        select(DeliveryAttempt.account_id)
        .where(DeliveryAttempt.message_id == message_id, DeliveryAttempt.account_id.is_not(None))
        .order_by(DeliveryAttempt.id.desc())
        .limit(1)
    )
    message = session.get(Message, message_id)
    return tried or (message and (message.claim_account_id or message.account_id)) or None


def account(session: Session, account_id: str) -> SenderAccount | None:
    return session.get(SenderAccount, account_id)


def recipients_of(session: Session, message_ids: Sequence[str]) -> dict[str, list[OutgoingRecipient]]:
    """By message, in the order in which they were named."""
    found: dict[str, list[OutgoingRecipient]] = defaultdict(list)
    for message_id, row_id, kind, email, name, status in session.execute(
        select(Recipient.message_id, Recipient.id, Recipient.kind, Recipient.email, Recipient.name, Recipient.status)
        .where(Recipient.message_id.in_(message_ids))
        .order_by(Recipient.id)
    ):
        found[message_id].append(OutgoingRecipient(row_id, kind, email, name, status))
    return found


def _attachments(session: Session, message_ids: Sequence[str]) -> dict[str, list[OutgoingAttachment]]:
    found: dict[str, list[OutgoingAttachment]] = defaultdict(list)
    for row in session.scalars(
        select(MessageAttachment).where(MessageAttachment.message_id.in_(message_ids)).order_by(MessageAttachment.id)
    ):
        found[row.message_id].append(
            OutgoingAttachment(row.filename, row.content_type, row.content_id, row.size, row.sha256)
        )
    return found


def _outgoing(
    message: Message,
    body: MessageBody | None,
    recipients: Sequence[OutgoingRecipient],
    attachments: Sequence[OutgoingAttachment],
) -> OutgoingMessage:
    return OutgoingMessage(
        id=message.id,
        claim_id=message.claim_id or "",
        account_id=message.claim_account_id or "",
        claim_day=message.claim_day,
        choice=message.choice,
        attempts=message.attempts,
        subject=message.subject,
        sender_email=message.sender_email,
        sender_name=message.sender_name,
        reply_to=message.reply_to,
        headers=message.headers,
        text=body.text if body else None,
        html=body.html if body else None,
        rfc_message_id=message.rfc_message_id,
        request_id=message.request_id,
        first_due_at=message.first_due_at,
        age_from=message.age_from,
        recipients=tuple(recipients),
        attachments=tuple(attachments),
        expires_at=message.expires_at,
        content_removed=message.content_removed_at is not None,
    )
