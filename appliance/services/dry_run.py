"""Says what would become of a message if it were submitted now, and shows it as it would go out. Stores nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from appliance.clock import Clock, local_date, next_midnight
from appliance.db.database import Database
from appliance.db.models import Message, Recipient, SenderAccount
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.recipient import RecipientKind, RecipientStatus
from appliance.db.queries import box, outbox, suppressions
from appliance.db.queries.box import Pause
from appliance.db.queries.outgoing import OutgoingAttachment, OutgoingMessage, OutgoingRecipient
from appliance.db.queries.suppressions import Listed
from appliance.language import gettext
from appliance.services import admission, allowance, storing
from appliance.services.composition import CannotCompose, Composition, FileSource, RunNative
from appliance.services.explanation import Scene, explain
from appliance.services.key_limits import NO_LIMITS, KeyLimits
from appliance.services.routing import Obstacle, Routing, taking_turns
from appliance.services.storing import NewMessage
from appliance.services.submit_message import SubmitMessage


@dataclass(frozen=True, slots=True)
class DryRunResult:
    """`account`: the one that it would go out through, at once or when it is time; None while none would take it.

    `raw` is then written in the name of the one that comes first. It is None when there is none, or when the message
    cannot be written, which `explanation` says.
    """

    status: MessageStatus
    reason: Reason | str
    due_at: datetime | None
    explanation: str
    account: SenderAccount | None
    recipients: Sequence[OutgoingRecipient]
    raw: bytes | None


class DryRun:
    def __init__(
        self,
        database: Database,
        files: FileSource,
        *,
        run_native: RunNative,
        hostname: str,
        zone: ZoneInfo,
        clock: Clock,
    ) -> None:
        self._database = database
        self._files = files
        self._run_native = run_native
        self._hostname = hostname
        self._zone = zone
        self._clock = clock

    def run(self, command: SubmitMessage, contents: Mapping[str, bytes], limits: KeyLimits = NO_LIMITS) -> DryRunResult:
        """`contents`: by SHA-256, the attachments that are not among the files. `limits`: of the API key that asks.

        Raises:
            InvalidInput, NotAllowed: as `Submission.submit` does.
        """
        now = self._clock()
        command = allowance.applied(command, limits)
        choice = command.account or limits.choice
        message = storing.named(command, self._hostname)
        with self._database.read() as session:
            _admit(session, command, limits, now)
            listed = _listed(session, command, now)
            accounts = {account.id: account for account in outbox.accounts(session)}
            pause = box.pause(session)
        routing = Routing(
            accounts.values(), now=now, today=local_date(now, self._zone), midnight=next_midnight(now, self._zone)
        )
        recipients = _recipients(command, listed)
        account = routing.pick(choice)
        obstacle = None if account else routing.obstacle(choice)
        outcome = _outcome(command, recipients, obstacle, now)
        outcome.allowed_accounts = limits.choice
        writer = account or _most_likely(accounts, choice)
        taker = None if obstacle and obstacle.reason == Reason.PAUSED else writer
        raw, trouble = self._written(message, recipients, writer, contents)
        if trouble:
            outcome = Message(status=MessageStatus.FAILED, reason=Reason.INVALID, detail=trouble)
        those = [Recipient(email=one.email, status=one.status, reply_text=_why(one, listed)) for one in recipients]
        explanation = _explanation(outcome, those, accounts, account, now, self._zone, pause)
        status = MessageStatus(outcome.status)
        return DryRunResult(status, outcome.reason, outcome.due_at, explanation, taker, recipients, raw)

    def _written(
        self,
        message: NewMessage,
        recipients: Sequence[OutgoingRecipient],
        account: SenderAccount | None,
        contents: Mapping[str, bytes],
    ) -> tuple[bytes | None, str]:
        """The RFC 5322 form, or why there is none."""
        if account is None:
            return None, ""
        composition = Composition(_Files(contents, self._files), self._run_native)
        try:
            return composition.render(_outgoing(message, recipients, account, self._clock()), account), ""
        except CannotCompose as error:
            return None, str(error)


class _Files:
    """The attachments that came with the request, before those on disk."""

    def __init__(self, contents: Mapping[str, bytes], stored: FileSource) -> None:
        self._contents = contents
        self._stored = stored

    def read(self, digest: str) -> bytes:
        found = self._contents.get(digest)
        return self._stored.read(digest) if found is None else found


def _admit(session: Session, command: SubmitMessage, limits: KeyLimits, now: datetime) -> None:
    wrong = allowance.faults(command, limits, admission.accounts_named(session, [command]), now)
    if wrong:
        raise allowance.refusal(wrong)


def _listed(session: Session, command: SubmitMessage, now: datetime) -> dict[str, Listed]:
    """The suppressions that would stop a recipient."""
    everybody = {one.email for one in (*command.to, *command.cc, *command.bcc)}
    return suppressions.active_for(session, everybody, now=now)


def _recipients(command: SubmitMessage, listed: Mapping[str, Listed]) -> list[OutgoingRecipient]:
    kinds = ((RecipientKind.TO, command.to), (RecipientKind.CC, command.cc), (RecipientKind.BCC, command.bcc))
    named = [(kind, one) for kind, addresses in kinds for one in addresses]
    return [
        OutgoingRecipient(
            number,
            kind,
            one.email,
            one.name,
            RecipientStatus.SUPPRESSED if one.email in listed else RecipientStatus.PENDING,
        )
        for number, (kind, one) in enumerate(named)
    ]


def _why(recipient: OutgoingRecipient, listed: Mapping[str, Listed]) -> str:
    """What would stand beside it."""
    return str(listed[recipient.email]) if recipient.email in listed else ""


def _outcome(
    command: SubmitMessage, recipients: Sequence[OutgoingRecipient], obstacle: Obstacle | None, now: datetime
) -> Message:
    """The message as it would stand a moment later; it never comes near a session."""
    message = Message(
        status=command.status(now),
        reason="",
        detail="",
        due_at=command.due_at(now),
        account_id=command.account,
        attempts=0,
        expires_at=command.expires_at,
    )
    if all(one.status == RecipientStatus.SUPPRESSED for one in recipients):
        message.status, message.reason, message.due_at = MessageStatus.SUPPRESSED, Reason.SUPPRESSED, None
    elif obstacle is not None and message.status == MessageStatus.QUEUED:
        message.status, message.reason, message.due_at = MessageStatus.HELD, obstacle.reason, obstacle.until
    return message


def _most_likely(accounts: Mapping[str, SenderAccount], choice: str | None) -> SenderAccount | None:
    """What it would be written with once it can go."""
    named = accounts if choice is None else [one for one in choice.split() if one in accounts]
    those = taking_turns(accounts[one] for one in named)
    return max(those, key=lambda account: (account.active, account.priority), default=None)


def _explanation(
    outcome: Message,
    recipients: Sequence[Recipient],
    accounts: Mapping[str, SenderAccount],
    account: SenderAccount | None,
    now: datetime,
    zone: ZoneInfo,
    pause: Pause | None,
) -> str:
    if outcome.status == MessageStatus.QUEUED and account is not None and pause is None:
        return gettext("It would go out at once, through the sender account %(name)s.", name=repr(account.name))
    explanation = explain(Scene(outcome, recipients, accounts, now, zone, pause=pause))
    return gettext("If it were submitted now: %(explanation)s", explanation=explanation)


def _outgoing(
    message: NewMessage, recipients: Sequence[OutgoingRecipient], account: SenderAccount, now: datetime
) -> OutgoingMessage:
    command = message.command
    return OutgoingMessage(
        id=message.id,
        claim_id="",
        account_id=account.id,
        claim_day="",
        choice=None,
        attempts=0,
        subject=command.subject,
        sender_email=command.sender.email if command.sender else None,
        sender_name=command.sender.name if command.sender else "",
        reply_to=[{"email": one.email, "name": one.name} for one in command.reply_to],
        headers=dict(command.headers),
        text=command.text,
        html=command.html,
        rfc_message_id=message.rfc_message_id,
        request_id="",
        first_due_at=command.due_at(now),
        age_from=command.due_at(now),
        recipients=tuple(recipients),
        attachments=tuple(
            OutgoingAttachment(one.filename, one.content_type, one.content_id, one.size, one.sha256)
            for one in command.attachments
        ),
    )
