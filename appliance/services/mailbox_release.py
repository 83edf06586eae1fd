"""Lets a mail out of the built-in mailbox: its message is submitted again, through a real sender account.

When the content of that message is no longer kept, or the message itself is not, the mail's own copy of it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, KeptMail, Message, SenderAccount
from appliance.db.models.message import Priority
from appliance.db.models.recipient import RecipientKind
from appliance.db.models.sender_account import TransportKind
from appliance.db.queries import accounts, mailbox, outgoing
from appliance.db.queries.outgoing import OutgoingMessage
from appliance.db.types import new_id
from appliance.errors import ApplianceError, FieldError, InvalidInput, NotFound, Unavailable
from appliance.language import gettext
from appliance.mail.addresses import Address
from appliance.services import audit, idempotency, kept_content, storing
from appliance.services.attachment_files import Kept
from appliance.services.attachments import Attachments, StoredFile
from appliance.services.idempotency import Once
from appliance.services.kept_content import KeptContent
from appliance.services.outbox import Outbox
from appliance.services.permission import Permission, needs
from appliance.services.storing import NewMessage
from appliance.services.submit_message import SubmitMessage, Submitter, TemplateUsed

OWNER = "mailbox"
"""Keeps what is remembered of releases apart from the idempotency keys of programs."""

RunNative = Callable[[Callable[[], Any]], Any]


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


@dataclass(frozen=True, slots=True)
class _Copy:
    """The content that the mail itself has. `files` lie on disk; `written` are those that did not before."""

    content: KeptContent
    files: tuple[StoredFile, ...]
    written: Sequence[Kept]


class MailboxRelease:
    """`run_native` keeps the reading of a large mail off the event loop."""

    def __init__(
        self, database: Database, outbox: Outbox, attachments: Attachments, *, run_native: RunNative, clock: Clock
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._attachments = attachments
        self._run_native = run_native
        self._clock = clock

    @needs(Permission.OPERATE)
    def release(self, release: Release) -> str:
        """Makes a new message with the content and the Message-ID of the old one, for those the mail was for.

        The mail stays. Returns the id of the new message, which is durable; a repetition makes no second.

        Raises:
            NotFound: there is no such mail.
            InvalidInput: the account is none that sends.
            DiskFull, StorageUnavailable: an attachment of the mail's own copy cannot be put on disk.
        """
        made = self._submit(release, None) or self._submit_copy(release)
        self._outbox.notify()
        return made

    def _submit_copy(self, release: Release) -> str:
        copy = self._copy(release.mail_id)
        try:
            made = self._submit(release, copy)
        except Unavailable:
            raise  # it may have been stored all the same, and needs them then: the clean-up will find out
        except ApplianceError:
            self._attachments.take_back(copy.written)
            raise
        assert made is not None
        return made

    def _copy(self, mail_id: str) -> _Copy:
        with self._database.read() as session:
            mail = _mail(session, mail_id)
        content: KeptContent = self._run_native(partial(kept_content.read, mail.data))
        kept = self._attachments.keep(one.content for one in content.files)
        files = tuple(
            StoredFile(one.filename, one.content_type, len(one.content), on_disk.digest, one.content_id)
            for one, on_disk in zip(content.files, kept, strict=True)
        )
        return _Copy(content, files, kept)

    def _submit(self, release: Release, copy: _Copy | None) -> str | None:
        """None: without a copy there is no content."""
        now, message_id = self._clock(), new_id("msg")
        about = {"account": release.account_id, "message": message_id}
        told = audit.entry("mailbox.released", release.mail_id, about, now)
        once = Once(OWNER, release.once, idempotency.hash_of([release.mail_id, release.account_id]))

        def write(session: Session) -> str | None:
            earlier = idempotency.earlier_answer(session, once, now)
            if earlier is not None:
                return str(earlier["id"])
            message = _again(session, release, copy, message_id)
            if message is None:
                return None
            storing.insert(session, [message], Submitter(None, release.request_id), now)
            idempotency.remember(session, once, {"id": message_id}, now)
            AuditEntry.note(session, told)
            return message_id

        try:
            return self._database.write(write)
        except IntegrityError:
            # on a database server two presses of the button can race: the second finds the answer of the first
            return self._database.write(write)


def _again(session: Session, release: Release, copy: _Copy | None, message_id: str) -> NewMessage | None:
    mail = _mail(session, release.mail_id)
    account = _sending(session, release.account_id)
    command = _command(session, mail, copy)
    if command is None:
        return None
    return NewMessage(message_id, mail.rfc_message_id, replace(command, account=account.id))


def _mail(session: Session, mail_id: str) -> KeptMail:
    mail = mailbox.one(session, mail_id)
    if mail is None:
        raise NotFound("mail", mail_id)
    return mail


def _sending(session: Session, account_id: str) -> SenderAccount:
    found = accounts.one(session, account_id)
    if found is None or found.transport != TransportKind.SMTP:
        raise InvalidInput([FieldError("account", gettext("Choose a sender account that sends to a server."))])
    return found


def _command(session: Session, mail: KeptMail, copy: _Copy | None) -> SubmitMessage | None:
    original = _original(session, mail.rfc_message_id)
    if copy is None:
        if original is None or original.content.content_removed:
            return None
        return _as_submitted(original, mail.rcpt_to)
    command = _as_submitted(original, mail.rcpt_to) if original else _as_written(mail, copy.content)
    return replace(command, text=copy.content.text, html=copy.content.html, attachments=copy.files)


def _original(session: Session, rfc_message_id: str) -> _Original | None:
    """The oldest with that Message-ID: a mail that was released before has younger ones."""
    found = outgoing.oldest_of(session, rfc_message_id)
    content = outgoing.one(session, found.id) if found is not None else None
    return _Original(found, content) if found is not None and content is not None else None


def _as_submitted(original: _Original, mailed_to: list[str]) -> SubmitMessage:
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


def _as_written(mail: KeptMail, content: KeptContent) -> SubmitMessage:
    """For those in the envelope. A sender that the mailbox itself had put there is left to the new account."""
    wanted = dict.fromkeys(mail.rcpt_to)
    to = tuple(one for one in content.to if one.email in wanted)
    cc = tuple(one for one in content.cc if one.email in wanted)
    named = {one.email for one in (*to, *cc)}
    chosen = content.sender is not None and content.sender.email != mail.mail_from
    return SubmitMessage(
        to=to,
        cc=cc,
        bcc=tuple(Address(email) for email in wanted if email not in named),
        reply_to=content.reply_to,
        sender=content.sender if chosen else None,
        subject=mail.subject,
        headers=content.headers,
    )
