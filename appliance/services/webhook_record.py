"""Writes down what came of an attempt to deliver a webhook. Runs inside a `db.write`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from appliance.db.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from appliance.db.models.base import insert_rows
from appliance.db.queries.webhook_queue import Outgoing
from appliance.sentences import kept
from appliance.services import webhook_fanout
from appliance.webhooks import retry
from appliance.webhooks.post import Answer

NOTHING = timedelta(0)
GONE = kept("The receiver answered 410 Gone, which means that it wants no more.")
DEAD = kept("A webhook was tried for a day without success, and the endpoint accepted no other one in that time.")


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt of a delivery."""

    delivery: Outgoing
    answer: Answer
    started_at: datetime
    duration_ms: int

    @property
    def number(self) -> int:
        return self.delivery.attempts + 1


def record(
    session: Session, endpoint: WebhookEndpoint, claim_id: str, tried: Tried, now: datetime, waits: Sequence[int]
) -> str:
    """Attempt, delivery and endpoint. Returns why the endpoint was paused now; empty: it was not."""
    attempt(session, tried)
    if tried.answer.accepted:
        WebhookDelivery.deliver(session, tried.delivery.id, attempts=tried.number, now=now)
        WebhookEndpoint.note_success(session, endpoint.id)
        return ""
    asked = retry.asked(tried.answer.retry_after, now)
    _note_failure(session, endpoint, tried, asked if tried.answer.overloaded else NOTHING)
    given_up = not _defer(session, claim_id, tried, now, waits, asked)
    reason = _pause(session, endpoint, tried, now, given_up=given_up)
    if reason:
        webhook_fanout.tell_of_pause(session, endpoint, reason, now)
    return reason


def attempt(session: Session, tried: Tried) -> None:
    answer = tried.answer
    row = {
        "delivery_id": tried.delivery.id,
        "number": tried.number,
        "started_at": tried.started_at,
        "duration_ms": tried.duration_ms,
        "status_code": answer.status,
        "answer": answer.text,
        "error": answer.error,
    }
    insert_rows(session, WebhookAttempt, row)


def _note_failure(session: Session, endpoint: WebhookEndpoint, tried: Tried, asked: timedelta) -> None:
    """`asked`: how long the receiver as a whole wants to be left alone."""
    present = session.get(WebhookEndpoint, endpoint.id)
    failures = present.failures if present is not None else endpoint.failures
    WebhookEndpoint.note_failure(
        session,
        endpoint.id,
        at=tried.started_at,
        known_failures=failures,
        rest=max(retry.rest(failures + 1), asked),
        error=tried.answer.error,
    )


def _defer(
    session: Session, claim_id: str, tried: Tried, now: datetime, waits: Sequence[int], asked: timedelta
) -> bool:
    """False: it is given up. Never before the wait that the receiver `asked` for is over."""
    delivery, answer = tried.delivery, tried.answer
    due_at = None if answer.gone else retry.next_due(tried.number - delivery.attempts_before, now, waits)
    outcome: dict[str, Any] = {"claim_id": claim_id, "attempts": tried.number, "error": answer.error}
    if due_at is None:
        WebhookDelivery.fail(session, delivery.id, now=now, **outcome)
        return False
    WebhookDelivery.defer(session, delivery.id, due_at=max(due_at, now + asked), **outcome)
    return True


def _pause(session: Session, endpoint: WebhookEndpoint, tried: Tried, now: datetime, *, given_up: bool) -> str:
    """Why the endpoint is paused, if it is."""
    if tried.answer.gone:
        return GONE if WebhookEndpoint.pause(session, endpoint.id, reason=GONE, now=now) else ""
    since = tried.delivery.tried_since or tried.started_at
    if given_up and WebhookEndpoint.pause_dead(session, endpoint.id, tried_since=since, reason=DEAD, now=now):
        return DEAD
    return ""
