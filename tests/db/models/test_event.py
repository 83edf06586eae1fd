"""Each verb that moves a message for good, or defers it, tells of it in the same transaction; the others do not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import Event, Message
from appliance.db.models.message import MessageStatus, Reason
from tests.factories import add_message
from tests.fakes import NOON

LATER = NOON + timedelta(minutes=5)
CLAIM = {"claim_id": "clm_1", "claim_account_id": "acc_1", "claim_day": "2026-03-10", "lease_until": LATER}


def told(database: Database) -> list[Event]:
    with database.read() as session:
        return list(session.scalars(select(Event).order_by(Event.id)))


def finish(status: MessageStatus, reason: str = "") -> Callable[[Session, str], object]:
    outcome = {"status": status, "reason": reason, "detail": "", "attempts": 1}
    return lambda session, message: Message.finish(
        session, message, claim_id="clm_1", now=LATER, account_id="acc_1", **outcome
    )


def put_back(status: MessageStatus, reason: str) -> Callable[[Session, str], object]:
    outcome = {"status": status, "reason": reason, "detail": "", "attempts": 1, "due_at": LATER}
    return lambda session, message: Message.put_back(
        session, message, claim_id="clm_1", now=LATER, account_id="acc_1", **outcome
    )


@pytest.mark.parametrize(
    ("status", "verb", "kind", "reason"),
    [
        ("sending", finish(MessageStatus.SENT), "message.sent", ""),
        ("sending", finish(MessageStatus.PARTIALLY_SENT, "refused"), "message.partially_sent", "refused"),
        ("sending", finish(MessageStatus.FAILED, "exhausted"), "message.failed", "exhausted"),
        ("sending", put_back(MessageStatus.DEFERRED, "temporary"), "message.deferred", "temporary"),
        ("sending", put_back(MessageStatus.HELD, "uncertain"), "message.held", "uncertain"),
        ("queued", lambda s, m: Message.cancel(s, [m], now=LATER), "message.cancelled", ""),
        ("queued", lambda s, m: Message.suppress(s, [m], now=LATER), "message.suppressed", "suppressed"),
        ("failed", lambda s, m: Message.retry(s, [m], now=LATER), "message.retried", ""),
        ("suppressed", lambda s, m: Message.reopen(s, [m], now=LATER), "message.retried", ""),
        (
            "deferred",
            lambda s, m: Message.finish_late(
                s, m, status=MessageStatus.SENT, attempts=1, now=LATER, account_id="acc_1"
            ),
            "message.sent",
            "",
        ),
    ],
)
def test_move_is_told_with_what_counting_needs(
    database: Database, status: str, verb: Any, kind: str, reason: str
) -> None:
    held = CLAIM | {"due_at": None} if status == "sending" else {}
    dimensions = {"api_key_id": "key_1", "template_id": "tpl_1", "tags": ["a", "b"], "priority": 0}
    message = database.write(lambda session: add_message(session, **{"status": status, **held, **dimensions}))

    database.write(lambda session: verb(session, message))

    [event] = told(database)
    assert (event.kind, event.message_id, event.reason, event.at) == (kind, message, reason, LATER)
    assert (event.api_key_id, event.template_id, event.tags, event.priority) == ("key_1", "tpl_1", ["a", "b"], 0)


@pytest.mark.parametrize(
    ("status", "verb"),
    [
        ("sent", finish(MessageStatus.SENT)),
        ("sent", lambda s, m: Message.cancel(s, [m], now=LATER)),
        ("queued", lambda s, m: Message.retry(s, [m], now=LATER)),
        ("queued", lambda s, m: Message.hold(s, [m], reason=Reason.QUOTA, until=LATER)),
        ("held", lambda s, m: Message.release(s, [m], now=LATER)),
        ("sending", put_back(MessageStatus.QUEUED, "")),
    ],
)
def test_what_changes_nothing_or_waits_for_an_account_is_not_told(database: Database, status: str, verb: Any) -> None:
    held = CLAIM | {"due_at": None} if status == "sending" else {}
    message = database.write(lambda session: add_message(session, **{"status": status, **held}))

    database.write(lambda session: verb(session, message))

    assert told(database) == []


@pytest.mark.parametrize(
    ("moments", "seconds"),
    [
        ({"created_at": NOON}, 300.0),
        ({"created_at": NOON, "send_at": NOON + timedelta(minutes=3)}, 120.0),
        ({"created_at": NOON - timedelta(days=9), "retried_at": NOON + timedelta(minutes=4)}, 60.0),
        ({"created_at": LATER + timedelta(hours=1)}, 0.0),
    ],
)
def test_time_to_send_counts_from_when_it_was_to_go(
    database: Database, moments: dict[str, Any], seconds: float
) -> None:
    message = database.write(lambda s: add_message(s, status="sending", **{**CLAIM, "due_at": None, **moments}))

    database.write(lambda session: finish(MessageStatus.SENT)(session, message))

    [event] = told(database)
    assert (event.seconds, event.account_id) == (seconds, "acc_1")


def test_expiry_is_told_as_failed(database: Database) -> None:
    message = database.write(lambda session: add_message(session, expires_at=NOON))

    database.write(lambda session: Message.expire(session, [message], now=LATER))

    assert [(event.kind, event.reason) for event in told(database)] == [("message.failed", "expired")]


def test_who_fails_half_way_tells_nothing(database: Database) -> None:
    message = database.write(add_message)

    def write(session: Session) -> None:
        Message.cancel(session, [message], now=LATER)
        raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        database.write(write)

    assert told(database) == []
