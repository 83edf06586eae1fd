"""Writes down what came of an attempt. Every function here runs inside a `db.write`."""

from datetime import datetime

from sqlalchemy.orm import Session

from appliance.db.models import DeliveryAttempt, Message, Recipient, SenderAccount, Suppression
from appliance.db.models.base import insert_rows
from appliance.db.models.suppression import SuppressionSource
from appliance.sentences import kept
from appliance.services.suppression_entry import Entry
from appliance.services.verdict import Attempt, Verdict

ANSWERED = kept("the server answered %(reply)s")
"""Why an address is suppressed that a server said does not exist."""


def verdict(session: Session, verdict: Verdict, now: datetime) -> bool:
    """Records attempts, recipients, state and quota. False: the claim was lost, so only the attempts were written."""
    attempts(session, verdict)
    _suppress(session, verdict, now)
    _settle_account(session, verdict, now)
    if not (_move(session, verdict, now) or _move_late(session, verdict, now)):
        return False
    _settle_recipients(session, verdict, now)
    return True


def attempts(session: Session, verdict: Verdict) -> None:
    number = verdict.message.attempts + 1
    rows = [_row(attempt, verdict.message.id, verdict.message.claim_id, number) for attempt in verdict.attempts]
    insert_rows(session, DeliveryAttempt, *rows)


def _row(attempt: Attempt, message_id: str, claim_id: str, number: int) -> dict[str, object]:
    return {
        "message_id": message_id,
        "number": number,
        "claim_id": claim_id,
        "account_id": attempt.account_id,
        "account_name": attempt.account_name,
        "server": attempt.server,
        "stage": attempt.stage,
        "outcome": attempt.outcome,
        "reply_code": attempt.reply.code,
        "reply_text": attempt.reply.text or attempt.detail,
        "started_at": attempt.started_at,
        "duration_ms": attempt.duration_ms,
    }


def _move(session: Session, verdict: Verdict, now: datetime) -> bool:
    message = verdict.message
    if verdict.final:
        return Message.finish(
            session,
            message.id,
            claim_id=message.claim_id,
            status=verdict.status,
            reason=verdict.reason,
            detail=verdict.detail,
            attempts=verdict.rounds,
            now=now,
            account_id=_last_account(verdict),
        )
    return Message.put_back(
        session,
        message.id,
        claim_id=message.claim_id,
        status=verdict.status,
        reason=verdict.reason,
        detail=verdict.detail,
        due_at=verdict.due_at,
        attempts=verdict.rounds,
        now=now,
        account_id=_last_account(verdict),
    )


def _move_late(session: Session, verdict: Verdict, now: datetime) -> bool:
    """A worker that stood still for so long that its message was rescued knows better, if a server accepted it."""
    account_id = _last_account(verdict)
    if not verdict.used or not verdict.final or account_id is None:
        return False
    return Message.finish_late(
        session, verdict.message.id, status=verdict.status, attempts=verdict.rounds, now=now, account_id=account_id
    )


def _last_account(verdict: Verdict) -> str | None:
    return verdict.attempts[-1].account_id if verdict.attempts else None


def _settle_recipients(session: Session, verdict: Verdict, now: datetime) -> None:
    outcomes = set(verdict.outcomes.values())
    if len(outcomes) == 1:  # the common case: one statement whatever the number of recipients
        status, reply = outcomes.pop()
        Recipient.settle_pending(session, verdict.message.id, status, reply.code, reply.text, now)
        return
    for recipient in verdict.message.pending:
        if recipient.email in verdict.outcomes:
            status, reply = verdict.outcomes[recipient.email]
            Recipient.settle(session, recipient.id, status, reply.code, reply.text, now)


def _suppress(session: Session, verdict: Verdict, now: datetime) -> None:
    """A fact about the address, whoever holds the message by now."""
    entries = [
        Entry(email.lower(), ANSWERED % {"reply": reply}, verdict.suppress_until)
        for email, reply in verdict.suppress.items()
    ]
    Suppression.put_refused(session, [entry.row(SuppressionSource.REFUSAL, now) for entry in entries])


def _settle_account(session: Session, verdict: Verdict, now: datetime) -> None:
    if verdict.reserved_on is not None and not verdict.used:
        account_id, day = verdict.reserved_on
        SenderAccount.refund(session, account_id, 1, day=day)
    if verdict.recovered_account_id is not None:
        SenderAccount.close_breaker(session, verdict.recovered_account_id, now=now)
