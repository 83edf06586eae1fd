"""What becomes of a message after an attempt: the error class decides. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from appliance.config.settings import DeliverySettings
from appliance.db.models.delivery_attempt import AttemptOutcome
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.recipient import RecipientStatus
from appliance.db.queries.outgoing import OutgoingMessage
from appliance.mail import retry
from appliance.mail.refusal import says_no_such_recipient
from appliance.mail.transport import Reply
from appliance.sentences import kept
from appliance.services.expiry import EXPIRED

NOW_SUPPRESSED = kept("%(reply)s (the address is suppressed from now on)")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One transaction with one server. `replies` has an entry for each recipient that got an answer of its own."""

    account_id: str
    account_name: str
    outcome: AttemptOutcome
    reply: Reply
    started_at: datetime
    duration_ms: int
    server: str = ""
    stage: str = ""
    detail: str = ""
    accepted: frozenset[str] = frozenset()
    refused: Mapping[str, Reply] = field(default_factory=dict)
    unfit: bool = False
    """The server is not able to take this message; another one may be."""

    @property
    def moves_on(self) -> bool:
        """To another account, within the round."""
        return self.unfit or self.outcome is AttemptOutcome.ACCOUNT_ERROR


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be recorded. `reserved_on`: the account and day whose limit still counts this message.

    `suppress`: those of whom a server said that they do not exist, by policy until `suppress_until` (None: for ever).
    """

    message: OutgoingMessage
    attempts: tuple[Attempt, ...]
    status: MessageStatus
    reason: Reason | str = ""
    detail: str = ""
    due_at: datetime | None = None
    rounds: int = 0
    outcomes: Mapping[str, tuple[RecipientStatus, Reply]] = field(default_factory=dict)
    reserved_on: tuple[str, str] | None = None
    used: bool = False
    recovered_account_id: str | None = None
    suppress: Mapping[str, Reply] = field(default_factory=dict)
    suppress_until: datetime | None = None

    @property
    def final(self) -> bool:
        return self.status in (MessageStatus.SENT, MessageStatus.PARTIALLY_SENT, MessageStatus.FAILED)

    @property
    def account_broke(self) -> bool:
        """The account that the claim was made for could not be used."""
        return bool(self.attempts) and self.attempts[0].outcome is AttemptOutcome.ACCOUNT_ERROR


@dataclass(frozen=True, slots=True)
class Circumstances:
    now: datetime
    settings: DeliverySettings
    reserved_on: tuple[str, str] | None
    account_back_at: datetime | None = None
    recovered_account_id: str | None = None

    @property
    def suppress_until(self) -> datetime | None:
        days = self.settings.suppression_days
        return self.now + timedelta(days=days) if days else None


def judge(message: OutgoingMessage, attempts: tuple[Attempt, ...], at: Circumstances) -> Verdict:
    """The verdict on `message` after the last of `attempts`; those before it failed over."""
    verdict = _judge(message, attempts, at)
    if message.expires_at is None:
        return verdict
    return replace(verdict, due_at=before_expiry(verdict.due_at, message.expires_at))


def expired(message: OutgoingMessage) -> Verdict:
    """It was not sent in time, so it is not sent to those who have not got it yet."""
    outcome = (RecipientStatus.FAILED, Reply(None, EXPIRED))
    outcomes = {one.email: outcome for one in message.pending}
    status = _overall(message, outcomes)
    return Verdict(message, (), status, Reason.EXPIRED, rounds=message.attempts, outcomes=outcomes)


def before_expiry(due_at: datetime | None, expires_at: datetime | None) -> datetime | None:
    """A message that cannot be tried again in time is looked at when it expires, and ends then."""
    return min(due_at, expires_at) if due_at is not None and expires_at is not None else due_at


def _judge(message: OutgoingMessage, attempts: tuple[Attempt, ...], at: Circumstances) -> Verdict:
    last = attempts[-1]
    if last.outcome is AttemptOutcome.ACCOUNT_ERROR or (last.unfit and at.account_back_at is not None):
        return _wait_for_account(message, attempts, at)
    if last.outcome is AttemptOutcome.UNCERTAIN:
        return _uncertain(message, attempts, at)
    return _by_recipient(message, attempts, at)


def _wait_for_account(message: OutgoingMessage, attempts: tuple[Attempt, ...], at: Circumstances) -> Verdict:
    """Says nothing of the message, so it uses up none of its attempts: it waits until an account is back."""
    return Verdict(
        message,
        attempts,
        MessageStatus.DEFERRED,
        Reason.ACCOUNT_ERROR,
        attempts[-1].detail,
        due_at=at.account_back_at or at.now,  # no moment is known: the outbox holds it and says why
        rounds=message.attempts,
        reserved_on=at.reserved_on,
    )


def _uncertain(message: OutgoingMessage, attempts: tuple[Attempt, ...], at: Circumstances) -> Verdict:
    status, due_at = after_uncertain(message.attempts + 1, message.age_from, at.now, at.settings)
    return Verdict(
        message,
        attempts,
        status,
        Reason.UNCERTAIN,
        attempts[-1].detail,
        due_at=due_at,
        rounds=message.attempts + 1,
        reserved_on=at.reserved_on,
        used=True,
    )


def after_uncertain(
    rounds: int, age_from: datetime, now: datetime, settings: DeliverySettings
) -> tuple[MessageStatus, datetime | None]:
    """Sent again later with the same Message-ID, or held for a person: by policy, and when no attempt is left."""
    due_at = retry.next_due(rounds, now, age_from, settings) if settings.on_uncertain == "resend" else None
    return (MessageStatus.HELD if due_at is None else MessageStatus.DEFERRED), due_at


def _by_recipient(message: OutgoingMessage, attempts: tuple[Attempt, ...], at: Circumstances) -> Verdict:
    last, rounds = attempts[-1], message.attempts + 1
    outcomes = {one.email: _outcome(one.email, last) for one in message.pending}
    due_at = None
    if RecipientStatus.PENDING in {status for status, _ in outcomes.values()}:
        due_at = retry.next_due(rounds, at.now, message.age_from, at.settings)
    exhausted = due_at is None
    if exhausted:
        outcomes = {email: (_given_up(status), reply) for email, (status, reply) in outcomes.items()}
    status = MessageStatus.DEFERRED if due_at else _overall(message, outcomes)
    suppress = _not_existing(last, at.settings)
    return Verdict(
        message,
        attempts,
        status,
        _reason(status, message, last, outcomes),
        "" if status is MessageStatus.SENT else _detail(last, outcomes, bool(suppress)),
        due_at=due_at,
        rounds=rounds,
        outcomes=outcomes,
        reserved_on=at.reserved_on,
        used=bool(last.accepted),
        recovered_account_id=at.recovered_account_id,
        suppress=suppress,
        suppress_until=at.suppress_until,
    )


def _not_existing(last: Attempt, settings: DeliverySettings) -> dict[str, Reply]:
    if not settings.suppress_on_hard_refusal:
        return {}
    return {email: reply for email, reply in last.refused.items() if says_no_such_recipient(reply)}


def _outcome(email: str, attempt: Attempt) -> tuple[RecipientStatus, Reply]:
    if email in attempt.accepted:
        return RecipientStatus.SENT, attempt.reply
    reply = attempt.refused.get(email, attempt.reply)
    if attempt.outcome is AttemptOutcome.FAILED and email not in attempt.refused:
        return RecipientStatus.FAILED, reply
    return (RecipientStatus.PENDING if reply.temporary else RecipientStatus.FAILED), reply


def _given_up(status: RecipientStatus) -> RecipientStatus:
    return RecipientStatus.FAILED if status is RecipientStatus.PENDING else status


def _overall(message: OutgoingMessage, outcomes: Mapping[str, tuple[RecipientStatus, Reply]]) -> MessageStatus:
    final = [outcomes[one.email][0] if one.email in outcomes else one.status for one in message.recipients]
    sent = sum(status == RecipientStatus.SENT for status in final)
    if sent == 0:
        return MessageStatus.FAILED
    return MessageStatus.SENT if sent == len(final) else MessageStatus.PARTIALLY_SENT


def _reason(
    status: MessageStatus,
    message: OutgoingMessage,
    last: Attempt,
    outcomes: Mapping[str, tuple[RecipientStatus, Reply]],
) -> Reason | str:
    if status is MessageStatus.SENT:
        return ""
    if status is MessageStatus.DEFERRED:
        return Reason.TEMPORARY
    if all(state is RecipientStatus.SENT for state, _ in outcomes.values()):
        return _reason_of_earlier(message)
    refused_for_good = last.outcome is AttemptOutcome.FAILED or any(
        not reply.temporary for state, reply in outcomes.values() if state is not RecipientStatus.SENT
    )
    return Reason.REFUSED if refused_for_good else Reason.EXHAUSTED


def _reason_of_earlier(message: OutgoingMessage) -> Reason:
    """Why others did not get it, when all that were left did."""
    refused = any(one.status == RecipientStatus.FAILED for one in message.recipients)
    return Reason.REFUSED if refused else Reason.SUPPRESSED


def _detail(last: Attempt, outcomes: Mapping[str, tuple[RecipientStatus, Reply]], listed: bool) -> str:
    for status, reply in outcomes.values():
        if status is not RecipientStatus.SENT and reply.text:
            return NOW_SUPPRESSED % {"reply": reply} if listed else str(reply)
    return last.detail
