"""Turns a message and the account it goes out through into an envelope."""

from appliance.db.models import SenderAccount
from appliance.db.models.recipient import RecipientKind
from appliance.db.queries.outgoing import OutgoingMessage
from appliance.errors import ApplianceError
from appliance.mail.addresses import Address, InvalidAddress
from appliance.mail.headers import InvalidHeader
from appliance.mail.mime import Content, render
from appliance.mail.transport import Envelope


class CannotCompose(ApplianceError):
    """The stored content makes no valid RFC 5322 message; trying again would change nothing."""


def compose(message: OutgoingMessage, account: SenderAccount) -> Envelope:
    """The envelope for those recipients that have no outcome yet; the header names all of them but bcc.

    MAIL FROM is the account's address: bounces belong to whoever owns the login (RFC 5321 section 3.3).

    Raises:
        CannotCompose: with the reason.
    """
    try:
        return Envelope(
            mail_from=account.email,
            rcpt_to=tuple(dict.fromkeys(recipient.email for recipient in message.pending)),
            data=render_message(message, account),
            message_id=message.rfc_message_id,
            subject=message.subject,
        )
    except (InvalidHeader, InvalidAddress, ValueError, LookupError) as error:
        raise CannotCompose(f"The message cannot be written in RFC 5322 form: {error}") from error


def render_message(message: OutgoingMessage, account: SenderAccount) -> bytes:
    """The RFC 5322 form of `message` as `account` sends it.

    Raises:
        InvalidHeader: something stored would break a header.
    """
    return render(_content(message, account))


def _content(message: OutgoingMessage, account: SenderAccount) -> Content:
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
        date=message.created_at,
        attachments=(),
    )


def _sender(message: OutgoingMessage, account: SenderAccount) -> Address:
    if message.sender_email is None:
        return Address(account.email, account.name)
    return Address(message.sender_email, message.sender_name)


def _addresses(message: OutgoingMessage, kind: RecipientKind) -> tuple[Address, ...]:
    return tuple(Address(one.email, one.name) for one in message.recipients if one.kind == kind)
