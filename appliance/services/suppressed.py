"""Keeps back the recipients that must not be sent to. Every function here runs inside a `db.write`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from appliance.db.models import Message, Recipient, SenderAccount
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.recipient import RecipientStatus
from appliance.db.queries import outgoing, suppressions
from appliance.db.queries.outgoing import OutgoingMessage, OutgoingRecipient
from appliance.db.queries.suppressions import Listed


def at_submission(session: Session, emails: Iterable[str], message_ids: Sequence[str], now: datetime) -> set[str]:
    """Of new messages, which go to `emails`: returns those that end at once, because nobody is left to send them to."""
    listed = suppressions.active_for(session, emails, now=now)
    if not listed:
        return set()
    recipients = outgoing.recipients_of(session, message_ids)
    for one in recipients.values():
        _settle(session, one, listed, now)
    ended = {message_id for message_id, those in recipients.items() if all(one.email in listed for one in those)}
    Message.suppress(session, ended, now=now)
    return ended


def before_sending(session: Session, claim_id: str, message_ids: Sequence[str], now: datetime) -> Counter[str]:
    """Settles those recipients of claimed messages that were suppressed since the messages were accepted.

    A message that nobody is left for ends here, and its account's quota is given back. Returns how many ended in which
    state.
    """
    messages = outgoing.of_claim(session, claim_id, message_ids)
    listed = suppressions.active_for(session, emails_of(messages), now=now)
    ended: Counter[str] = Counter()
    for message in messages:
        if _settle(session, message.pending, listed, now) and all(one.email in listed for one in message.pending):
            ended[_end(session, message, now)] += 1
    return ended


def emails_of(messages: Iterable[OutgoingMessage]) -> set[str]:
    """Whom they still are to be sent to."""
    return {recipient.email for message in messages for recipient in message.pending}


def _settle(
    session: Session, recipients: Iterable[OutgoingRecipient], listed: Mapping[str, Listed], now: datetime
) -> bool:
    """Whether any of them is on the list."""
    stopped = [recipient for recipient in recipients if recipient.email in listed]
    for recipient in stopped:
        entry = listed[recipient.email]
        Recipient.suppress(session, recipient.id, suppression_id=entry.id, why=str(entry), now=now)
    return bool(stopped)


def _end(session: Session, message: OutgoingMessage, now: datetime) -> MessageStatus:
    status, reason = _outcome(message.recipients)
    SenderAccount.refund(session, message.account_id, 1, day=message.claim_day)
    Message.finish(
        session,
        message.id,
        claim_id=message.claim_id,
        status=status,
        reason=reason,
        detail="",
        attempts=message.attempts,
        now=now,
    )
    return status


def _outcome(recipients: Iterable[OutgoingRecipient]) -> tuple[MessageStatus, Reason]:
    """Of a message whose last pending recipients were kept back; earlier attempts may have reached others."""
    before = {recipient.status for recipient in recipients}
    if RecipientStatus.FAILED in before:
        reached = RecipientStatus.SENT in before
        return (MessageStatus.PARTIALLY_SENT if reached else MessageStatus.FAILED), Reason.REFUSED
    if RecipientStatus.SENT in before:
        return MessageStatus.PARTIALLY_SENT, Reason.SUPPRESSED
    return MessageStatus.SUPPRESSED, Reason.SUPPRESSED
