"""What is handed in: a message as its client wants it, who the client is, and what it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from appliance.db.models.message import MessageStatus, Priority
from appliance.mail.addresses import Address
from appliance.services.attachments import StoredFile
from appliance.services.key_limits import NO_LIMITS, KeyLimits, Quota


@dataclass(frozen=True, slots=True)
class TemplateReference:
    """Which template a message is made from; its present version is used."""

    slug: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class TemplateUsed:
    """What a message was made from. `locale` None: the template as it is without a language."""

    id: str
    version: int
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class SubmitMessage:
    """What a client asks for, already checked field by field.

    One that names a `template` has no content until that is rendered; then `used` says what it was made from.
    `send_at`: not before then; a moment that is past means now. `expires_at`: not at or after then.
    """

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
    send_at: datetime | None = None
    expires_at: datetime | None = None
    template: TemplateReference | None = None
    used: TemplateUsed | None = None

    def due_at(self, now: datetime) -> datetime:
        """When it enters the outbox if it is submitted at `now`."""
        return max(self.send_at, now) if self.send_at else now

    def status(self, now: datetime) -> MessageStatus:
        return MessageStatus.SCHEDULED if self.due_at(now) > now else MessageStatus.QUEUED


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who submits: an API key, or None for a person in the UI; the request that it came with; what the key allows."""

    api_key_id: str | None
    request_id: str = ""
    limits: KeyLimits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class Accepted:
    """`quota`: what the key has left, where it has a limit and the message was counted."""

    id: str
    status: str
    created_at: datetime
    replayed: bool = False
    quota: Quota | None = None
