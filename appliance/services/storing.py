"""Writes new messages down, one or a thousand: a statement a table. Every function here runs inside a `db.write`."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from appliance.db.models import Event, Message, MessageAttachment, MessageBody, MessageSearch, MessageTag, Recipient
from appliance.db.models.base import insert_rows
from appliance.db.models.event import EventKind, of_message
from appliance.db.models.message import MessageStatus
from appliance.db.models.recipient import RecipientKind, RecipientStatus
from appliance.db.subject_text import searchable
from appliance.db.types import new_id, number_of
from appliance.mail.addresses import Address
from appliance.mail.headers import new_message_id
from appliance.services.submit_message import Accepted, SubmitMessage, Submitter
from appliance.services.suppressed import at_submission


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message with the names that it will be known by: made before the write, which may run twice."""

    id: str
    rfc_message_id: str
    command: SubmitMessage


@dataclass(frozen=True, slots=True)
class _Told:
    id: str
    api_key_id: str | None
    template_id: str | None
    tags: list[str]
    priority: int


def named(command: SubmitMessage, hostname: str) -> NewMessage:
    return NewMessage(new_id("msg"), new_message_id(hostname), command)


def insert(session: Session, messages: Sequence[NewMessage], submitter: Submitter, now: datetime) -> list[Accepted]:
    """Returns what each was accepted as, in their order."""
    insert_rows(session, Message, *(_message_row(one, submitter, now) for one in messages))
    insert_rows(session, MessageBody, *(_body_row(one) for one in messages))
    insert_rows(session, Recipient, *(row for one in messages for row in _recipient_rows(one)))
    insert_rows(session, MessageAttachment, *(row for one in messages for row in _attachment_rows(one)))
    insert_rows(session, MessageTag, *(row for one in messages for row in _tag_rows(one)))
    MessageSearch.add(session, [_search_row(one) for one in messages])
    Event.note(session, (_accepted(one, submitter, now) for one in messages))
    suppressed = _keep_back(session, messages, now)
    return [
        Accepted(one.id, MessageStatus.SUPPRESSED if one.id in suppressed else one.command.status(now), now)
        for one in messages
    ]


def _keep_back(session: Session, messages: Sequence[NewMessage], now: datetime) -> set[str]:
    emails = {address.email for one in messages for address in (*one.command.to, *one.command.cc, *one.command.bcc)}
    return at_submission(session, emails, [one.id for one in messages], now)


def _message_row(message: NewMessage, submitter: Submitter, now: datetime) -> dict[str, Any]:
    command = message.command
    return {
        "id": message.id,
        "api_key_id": submitter.api_key_id,
        "status": command.status(now),
        "priority": command.priority,
        "subject": command.subject,
        "sender_email": command.sender.email if command.sender else None,
        "sender_name": command.sender.name if command.sender else "",
        "reply_to": [asdict(address) for address in command.reply_to],
        "headers": dict(command.headers),
        "tags": list(dict.fromkeys(command.tags)),
        "metadata": dict(command.metadata),
        "account_id": command.account,
        "allowed_accounts": submitter.limits.choice,
        "template_id": command.used.id if command.used else None,
        "template_version": command.used.version if command.used else None,
        "template_locale": command.used.locale if command.used else None,
        "rfc_message_id": message.rfc_message_id,
        "request_id": submitter.request_id,
        "size": len((command.text or "").encode()) + len((command.html or "").encode()),
        "created_at": now,
        "send_at": command.send_at,
        "expires_at": command.expires_at,
        "due_at": command.due_at(now),
    }


def _body_row(message: NewMessage) -> dict[str, Any]:
    return {"message_id": message.id, "text": message.command.text, "html": message.command.html}


def _recipient_rows(message: NewMessage) -> Iterator[dict[str, Any]]:
    kinds: Sequence[tuple[RecipientKind, tuple[Address, ...]]] = (
        (RecipientKind.TO, message.command.to),
        (RecipientKind.CC, message.command.cc),
        (RecipientKind.BCC, message.command.bcc),
    )
    for kind, addresses in kinds:
        for address in addresses:
            yield {
                "message_id": message.id,
                "kind": kind,
                "email": address.email,
                "name": address.name,
                "status": RecipientStatus.PENDING,
            }


def _attachment_rows(message: NewMessage) -> Iterator[dict[str, Any]]:
    return ({"message_id": message.id, **asdict(one)} for one in message.command.attachments)


def _accepted(message: NewMessage, submitter: Submitter, now: datetime) -> dict[str, Any]:
    command = message.command
    told = _Told(
        message.id,
        submitter.api_key_id,
        command.used.id if command.used else None,
        list(dict.fromkeys(command.tags)),
        command.priority,
    )
    return of_message(EventKind.MESSAGE_ACCEPTED, told, now)


def _tag_rows(message: NewMessage) -> Iterator[dict[str, Any]]:
    return ({"message_id": message.id, "tag": tag} for tag in dict.fromkeys(message.command.tags))


def _search_row(message: NewMessage) -> dict[str, Any]:
    return {"number": number_of(message.id), "message_id": message.id, "text": searchable(message.command.subject)}
