"""Lets a mail out of the built-in mailbox: its message is submitted again, through a real sender account."""

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, Message, SenderAccount
from appliance.db.models.message import Priority
from appliance.db.models.recipient import RecipientKind
from appliance.db.models.sender_account import TransportKind
from appliance.db.queries import accounts, mailbox, outgoing
from appliance.db.queries.outgoing import OutgoingMessage
from appliance.db.types import new_id
from appliance.errors import FieldError, InvalidInput, NotFound, WrongState
from appliance.language import gettext
from appliance.mail.addresses import Address
from appliance.services import audit, idempotency, storing
from appliance.services.attachments import StoredFile
from appliance.services.idempotency import Once
from appliance.services.outbox import Outbox
from appliance.services.permission import Permission, needs
from appliance.services.storing import NewMessage
from appliance.services.submit_message import SubmitMessage, Submitter, TemplateUsed

OWNER = "mailbox"
"""Keeps what is remembered of releases apart from the idempotency keys of programs."""


@dataclass(frozen=True, slots=True)
class Release:
    """`once` is the same when somebody presses the button twice."""

    mail_id: str
    account_id: str
    once: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class _Original:
    """The message that the mail came from, with what only its row knows."""

    row: Message
    content: OutgoingMessage


class MailboxRelease:
    def __init__(self, database: Database, outbox: Outbox, *, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock

    @needs(Permission.OPERATE)
    def release(self, release: Release) -> str:
        """Makes a new message with the content and the Message-ID of the old one, for those the mail was for.

        The mail stays. Returns the id of the new message, which is durable; a repetition makes no second.

        Raises:
            NotFound: there is no such mail.
            InvalidInput: the account is none that sends.
            WrongState: the message that the mail came from is gone, or its content is.
        """
        now, message_id = self._clock(), new_id("msg")
        told = audit.entry(
            "mailbox.released", release.mail_id, {"account": release.account_id, "message": message_id}, now
        )
        once = Once(OWNER, release.once, idempotency.hash_of([release.mail_id, release.account_id]))
        submitter = Submitter(None, release.request_id)

        def write(session: Session) -> str:
            earlier = idempotency.earlier_answer(session, once, now)
            if earlier is not None:
                return str(earlier["id"])
            message = _again(session, release, message_id)
            storing.insert(session, [message], submitter, now)
            idempotency.remember(session, once, {"id": message_id}, now)
            AuditEntry.note(session, told)
            return message_id

        try:
            made = self._database.write(write)
        except IntegrityError:
            # on a database server two presses of the button can race: the second finds the answer of the first
            made = self._database.write(write)
        self._outbox.notify()
        return made


def _again(session: Session, release: Release, message_id: str) -> NewMessage:
    mail = mailbox.one(session, release.mail_id)
    if mail is None:
        raise NotFound("mail", release.mail_id)
    account = _sending(session, release.account_id)
    original = _original(session, mail.rfc_message_id)
    return NewMessage(message_id, mail.rfc_message_id, _command(original, mail.rcpt_to, account.id))


def _sending(session: Session, account_id: str) -> SenderAccount:
    found = accounts.one(session, account_id)
    if found is None or found.transport != TransportKind.SMTP:
        raise InvalidInput([FieldError("account", gettext("Choose a sender account that sends to a server."))])
    return found


def _original(session: Session, rfc_message_id: str) -> _Original:
    """The oldest with that Message-ID: a mail that was released before has younger ones."""
    found = outgoing.oldest_of(session, rfc_message_id)
    content = outgoing.one(session, found.id) if found is not None else None
    if found is None or content is None:
        raise WrongState(
            gettext("The message that this mail came from is no longer kept. Download the mail and send it by hand.")
        )
    if content.content_removed:
        raise WrongState(
            gettext("The content of this mail's message is no longer kept. Download the mail and send it by hand.")
        )
    return _Original(found, content)


def _command(original: _Original, mailed_to: list[str], account_id: str) -> SubmitMessage:
    row, content = original.row, original.content
    return SubmitMessage(
        to=_those(content, RecipientKind.TO, mailed_to),
        cc=_those(content, RecipientKind.CC, mailed_to),
        bcc=_those(content, RecipientKind.BCC, mailed_to),
        reply_to=tuple(Address(one["email"], one.get("name", "")) for one in content.reply_to),
        sender=Address(content.sender_email, content.sender_name) if content.sender_email else None,
        subject=content.subject,
        text=content.text,
        html=content.html,
        headers=content.headers,
        tags=tuple(row.tags),
        metadata=row.meta,
        priority=Priority(row.priority),
        account=account_id,
        attachments=tuple(
            StoredFile(one.filename, one.content_type, one.size, one.sha256, one.content_id)
            for one in content.attachments
        ),
        used=_template_of(row),
    )


def _those(content: OutgoingMessage, kind: RecipientKind, mailed_to: list[str]) -> tuple[Address, ...]:
    return tuple(
        Address(one.email, one.name) for one in content.recipients if one.kind == kind and one.email in mailed_to
    )


def _template_of(row: Message) -> TemplateUsed | None:
    if row.template_id is None or row.template_version is None:
        return None
    return TemplateUsed(row.template_id, row.template_version, row.template_locale)
