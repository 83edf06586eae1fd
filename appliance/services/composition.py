"""Turns a message and the account it goes out through into an envelope."""

from collections.abc import Callable
from typing import Any, Protocol

from appliance.db.models import SenderAccount
from appliance.db.models.recipient import RecipientKind
from appliance.db.queries.outgoing import OutgoingMessage
from appliance.errors import ApplianceError
from appliance.mail.addresses import Address, InvalidAddress
from appliance.mail.headers import InvalidHeader
from appliance.mail.mime import Content, Part, render
from appliance.mail.transport import Envelope
from appliance.sentences import kept
from appliance.services.attachment_files import AttachmentDamaged

ATTACHMENT_GONE = kept("%(reason)s Send the message anew with the attachment.")
NOT_WRITABLE = kept("The message cannot be written in RFC 5322 form: %(reason)s")

LARGE = 32 * 1024  # characters; less is written in some ten milliseconds, whatever they are

RunNative = Callable[[Callable[[], Any]], Any]


class FileSource(Protocol):
    def read(self, digest: str) -> bytes:
        """Raises AttachmentDamaged."""


class CannotCompose(ApplianceError):
    """The stored content makes no valid RFC 5322 message; trying again would change nothing."""


class Composition:
    """`run_native` keeps what takes long to write off the event loop: messages with attachments, and long ones."""

    def __init__(self, files: FileSource, run_native: RunNative) -> None:
        self._files = files
        self._run_native = run_native

    def envelope(self, message: OutgoingMessage, account: SenderAccount) -> Envelope:
        """For those recipients that have no outcome yet; the header names all of them but bcc.

        MAIL FROM is the account's address: bounces belong to whoever owns the login (RFC 5321 section 3.3).

        Raises:
            CannotCompose: with the reason.
        """
        data = self.render(message, account)
        recipients = tuple(dict.fromkeys(recipient.email for recipient in message.pending))
        try:
            return Envelope(account.email, recipients, data, message.rfc_message_id, message.subject)
        except InvalidAddress as error:
            raise CannotCompose(str(error)) from error

    def render(self, message: OutgoingMessage, account: SenderAccount) -> bytes:
        """The RFC 5322 form of `message` as `account` sends it. Raises CannotCompose."""
        if not message.attachments and len(message.text or "") + len(message.html or "") < LARGE:
            return self._render(message, account)
        rendered: bytes = self._run_native(lambda: self._render(message, account))
        return rendered

    def _render(self, message: OutgoingMessage, account: SenderAccount) -> bytes:
        try:
            return render(_content(message, account, self._parts(message)))
        except AttachmentDamaged as error:
            raise CannotCompose(ATTACHMENT_GONE % {"reason": error}) from error
        except (InvalidHeader, ValueError, LookupError) as error:
            raise CannotCompose(NOT_WRITABLE % {"reason": error}) from error

    def _parts(self, message: OutgoingMessage) -> tuple[Part, ...]:
        return tuple(
            Part(one.filename, one.content_type, self._files.read(one.sha256), one.content_id)
            for one in message.attachments
        )


def _content(message: OutgoingMessage, account: SenderAccount, parts: tuple[Part, ...]) -> Content:
    return Content(
        sender=_sender(message, account),
        to=_addresses(message, RecipientKind.TO),
        cc=_addresses(message, RecipientKind.CC),
        reply_to=tuple(Address(one["email"], one.get("name", "")) for one in message.reply_to),
        subject=message.subject,
        text=message.text,
        html=message.html,
        headers=message.headers,
        message_id=message.rfc_message_id,
        date=message.first_due_at,
        attachments=parts,
    )


def _sender(message: OutgoingMessage, account: SenderAccount) -> Address:
    if message.sender_email is None:
        return Address(account.email, account.name)
    return Address(message.sender_email, message.sender_name)


def _addresses(message: OutgoingMessage, kind: RecipientKind) -> tuple[Address, ...]:
    return tuple(Address(one.email, one.name) for one in message.recipients if one.kind == kind)
