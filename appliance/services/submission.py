"""Accepts a message: one durable write, then a signal. After that nothing can lose it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import (
    IdempotencyKey,
    Message,
    MessageAttachment,
    MessageBody,
    MessageTag,
    Recipient,
    SenderAccount,
)
from appliance.db.models.base import affected, insert_rows
from appliance.db.models.message import MessageStatus, Priority
from appliance.db.models.recipient import RecipientKind, RecipientStatus
from appliance.db.types import new_id
from appliance.errors import FieldError, IdempotencyKeyReused, InvalidInput
from appliance.mail.addresses import Address
from appliance.mail.headers import new_message_id
from appliance.services.attachments import StoredFile
from appliance.services.outbox import Outbox

IDEMPOTENCY_HOURS = 24
_FORGET = delete(IdempotencyKey).where(IdempotencyKey.created_at < bindparam("before"))


@dataclass(frozen=True, slots=True)
class SubmitMessage:
    """What a client asks for, already checked field by field."""

    to: tuple[Address, ...]
    subject: str
    text: str | None = None
    html: str | None = None
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    sender: Address | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority = Priority.NORMAL
    account: str | None = None
    attachments: tuple[StoredFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who submits: an API key, or None for a person in the UI; and the request that it came with."""

    api_key_id: str | None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    id: str
    status: str
    created_at: datetime
    replayed: bool = False


class Submission:
    def __init__(self, database: Database, outbox: Outbox, *, hostname: str, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._hostname = hostname
        self._clock = clock

    def submit(self, command: SubmitMessage, submitter: Submitter, idempotency_key: str | None = None) -> Accepted:
        """Durable when it returns.

        Raises:
            InvalidInput: the account does not exist.
            IdempotencyKeyReused: the key came before with another body.
            StorageUnavailable: nothing was accepted.
        """
        try:
            accepted = self._store(command, submitter, idempotency_key)
        except IntegrityError:
            # on a database server two posts with one key can race: the second finds the first's answer
            accepted = self._store(command, submitter, idempotency_key)
        self._outbox.notify()
        return accepted

    def _store(self, command: SubmitMessage, submitter: Submitter, key: str | None) -> Accepted:
        now = self._clock()
        message_id = new_id("msg")
        rfc_message_id = new_message_id(self._hostname)
        body_hash = _hash(command) if key else ""

        def write(session: Session) -> Accepted:
            replay = _earlier_answer(session, submitter, key, body_hash, now) if key else None
            if replay is not None:
                return replay
            _require_account(session, command.account)
            _insert(session, command, submitter, message_id, rfc_message_id, now)
            accepted = Accepted(message_id, MessageStatus.QUEUED, now)
            if key:
                _remember(session, submitter, key, body_hash, accepted)
            return accepted

        return self._database.write(write)


def _hash(command: SubmitMessage) -> str:
    """Of the meaning, not the bytes: another order of keys or other white space is the same message."""
    return hashlib.sha256(json.dumps(asdict(command), sort_keys=True, default=str).encode()).hexdigest()


def _earlier_answer(session: Session, submitter: Submitter, key: str, body_hash: str, now: datetime) -> Accepted | None:
    row = session.scalars(
        select(IdempotencyKey).where(
            IdempotencyKey.api_key_id == (submitter.api_key_id or ""), IdempotencyKey.key == key
        )
    ).one_or_none()
    if row is None:
        return None
    if row.created_at < now - timedelta(hours=IDEMPOTENCY_HOURS):
        session.delete(row)
        session.flush()
        return None
    if row.body_hash != body_hash:
        raise IdempotencyKeyReused(key)
    return Accepted(row.answer["id"], row.answer["status"], datetime.fromisoformat(row.answer["created_at"]), True)


def _remember(session: Session, submitter: Submitter, key: str, body_hash: str, accepted: Accepted) -> None:
    _forget_expired_keys(session, accepted.created_at)
    answer = {"id": accepted.id, "status": accepted.status, "created_at": accepted.created_at.isoformat()}
    row = {"api_key_id": submitter.api_key_id or "", "key": key, "body_hash": body_hash}
    insert_rows(session, IdempotencyKey, row | {"answer": answer, "created_at": accepted.created_at})


def _forget_expired_keys(session: Session, now: datetime) -> None:
    affected(session, _FORGET, {"before": now - timedelta(hours=IDEMPOTENCY_HOURS)})


def _require_account(session: Session, account_id: str | None) -> None:
    if account_id is None:
        return
    account = session.get(SenderAccount, account_id)
    if account is None or account.deleted_at is not None:
        raise InvalidInput(
            [FieldError("account", f"There is no sender account {account_id!r}. GET /api/v1/accounts lists them.")]
        )


def _insert(
    session: Session, command: SubmitMessage, submitter: Submitter, message_id: str, rfc_message_id: str, now: datetime
) -> None:
    insert_rows(session, Message, _message_row(command, submitter, message_id, rfc_message_id, now))
    insert_rows(session, MessageBody, {"message_id": message_id, "text": command.text, "html": command.html})
    insert_rows(session, Recipient, *_recipient_rows(command, message_id))
    insert_rows(session, MessageAttachment, *({"message_id": message_id, **asdict(one)} for one in command.attachments))
    insert_rows(session, MessageTag, *({"message_id": message_id, "tag": tag} for tag in dict.fromkeys(command.tags)))


def _message_row(
    command: SubmitMessage, submitter: Submitter, message_id: str, rfc_message_id: str, now: datetime
) -> dict[str, Any]:
    return {
        "id": message_id,
        "api_key_id": submitter.api_key_id,
        "status": MessageStatus.QUEUED,
        "priority": command.priority,
        "subject": command.subject,
        "sender_email": command.sender.email if command.sender else None,
        "sender_name": command.sender.name if command.sender else "",
        "reply_to": [asdict(address) for address in command.reply_to],
        "headers": dict(command.headers),
        "tags": list(dict.fromkeys(command.tags)),
        "metadata": dict(command.metadata),
        "account_id": command.account,
        "rfc_message_id": rfc_message_id,
        "request_id": submitter.request_id,
        "size": len((command.text or "").encode()) + len((command.html or "").encode()),
        "created_at": now,
        "due_at": now,
    }


def _recipient_rows(command: SubmitMessage, message_id: str) -> list[dict[str, Any]]:
    kinds: Sequence[tuple[RecipientKind, tuple[Address, ...]]] = (
        (RecipientKind.TO, command.to),
        (RecipientKind.CC, command.cc),
        (RecipientKind.BCC, command.bcc),
    )
    return [
        {
            "message_id": message_id,
            "kind": kind,
            "email": address.email,
            "name": address.name,
            "status": RecipientStatus.PENDING,
        }
        for kind, addresses in kinds
        for address in addresses
    ]
