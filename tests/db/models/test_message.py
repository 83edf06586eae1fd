"""Each verb is a compare-and-set: who made the move is told so, everybody else changes nothing."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import Message
from appliance.db.models.message import RETRYABLE, UNFINISHED, WAITING, MessageStatus, Reason
from tests.factories import add_message
from tests.fakes import NOON

ALL = tuple(MessageStatus)
LATER = NOON + timedelta(minutes=5)
CLAIM = {"claim_id": "clm_1", "claim_account_id": "acc_1", "claim_day": "2026-03-10", "lease_until": LATER}


def in_state(database: Database, status: MessageStatus, **overrides: Any) -> str:
    held = CLAIM | {"due_at": None} if status is MessageStatus.SENDING else {}
    return database.write(lambda session: add_message(session, **{"status": status, **held, **overrides}))


def found(database: Database, message_id: str) -> Message:
    with database.read() as session:
        message = session.get(Message, message_id)
        assert message is not None
        return message


def claim(session: Session, message_id: str) -> int:
    return Message.claim(
        session, [message_id], claim_id="clm_1", account_id="acc_1", day="2026-03-10", lease_until=LATER
    )


def hold(session: Session, message_id: str) -> int:
    return len(Message.hold(session, [message_id], reason=Reason.QUOTA, until=LATER))


def release(session: Session, message_id: str) -> int:
    return len(Message.release(session, [message_id], now=NOON))


def cancel(session: Session, message_id: str) -> int:
    return len(Message.cancel(session, [message_id], now=NOON))


def retry(session: Session, message_id: str) -> int:
    return len(Message.retry(session, [message_id], now=NOON))


def begin(session: Session, message_id: str) -> int:
    return Message.begin(session, message_id, claim_id="clm_1", lease_until=LATER)


def put_back(session: Session, message_id: str, claim_id: str = "clm_1") -> int:
    return Message.put_back(
        session,
        message_id,
        claim_id=claim_id,
        status=MessageStatus.DEFERRED,
        reason=Reason.TEMPORARY,
        detail="451 later",
        due_at=LATER,
        attempts=2,
        now=NOON,
    )


def finish(session: Session, message_id: str, claim_id: str = "clm_1") -> int:
    return Message.finish(
        session,
        message_id,
        claim_id=claim_id,
        status=MessageStatus.SENT,
        reason="",
        detail="",
        attempts=3,
        now=NOON,
    )


@pytest.mark.parametrize("status", ALL)
@pytest.mark.parametrize(
    ("verb", "allowed", "becomes"),
    [
        (claim, WAITING, MessageStatus.SENDING),
        (hold, WAITING, MessageStatus.HELD),
        (release, (MessageStatus.HELD,), MessageStatus.QUEUED),
        (cancel, WAITING, MessageStatus.CANCELLED),
        (retry, RETRYABLE, MessageStatus.QUEUED),
        (put_back, (MessageStatus.SENDING,), MessageStatus.DEFERRED),
        (finish, (MessageStatus.SENDING,), MessageStatus.SENT),
    ],
)
def test_verb_moves_from_its_states_and_from_no_other(
    database: Database, verb: Any, allowed: tuple[MessageStatus, ...], becomes: MessageStatus, status: MessageStatus
) -> None:
    message = in_state(database, status)

    moved = database.write(lambda session: verb(session, message))

    assert bool(moved) is (status in allowed)
    assert found(database, message).status == (becomes if status in allowed else status)


@pytest.mark.parametrize(
    ("verb", "status"),
    [
        (claim, MessageStatus.QUEUED),
        (release, MessageStatus.HELD),
        (cancel, MessageStatus.QUEUED),
        (retry, MessageStatus.FAILED),
        (begin, MessageStatus.SENDING),
        (put_back, MessageStatus.SENDING),
        (finish, MessageStatus.SENDING),
    ],
)
def test_second_call_changes_nothing(database: Database, verb: Any, status: MessageStatus) -> None:
    message = in_state(database, status)

    answers = [database.write(lambda session: verb(session, message)) for _ in range(2)]

    assert [bool(answer) for answer in answers] == [True, False]


@pytest.mark.parametrize("verb", [put_back, finish])
def test_who_lost_the_claim_changes_nothing(database: Database, verb: Any) -> None:
    message = in_state(database, MessageStatus.SENDING)

    assert not database.write(lambda session: verb(session, message, claim_id="clm_other"))
    assert found(database, message).status == "sending"


@pytest.mark.parametrize("verb", [put_back, finish])
def test_whoever_lets_go_of_a_message_frees_its_claim(database: Database, verb: Any) -> None:
    message = in_state(database, MessageStatus.SENDING, begun=True)

    database.write(lambda session: verb(session, message))

    row = found(database, message)
    assert (row.claim_id, row.claim_account_id, row.claim_day, row.lease_until, row.begun) == (
        None,
        None,
        "",
        None,
        False,
    )


def test_claim_takes_the_message_out_of_the_outbox(database: Database) -> None:
    message = in_state(database, MessageStatus.HELD, reason="quota")

    database.write(lambda session: claim(session, message))

    row = found(database, message)
    assert (row.due_at, row.reason, row.claim_id, row.claim_account_id) == (None, "", "clm_1", "acc_1")


def test_begin_needs_the_claim(database: Database) -> None:
    message = in_state(database, MessageStatus.SENDING)

    with_other = database.write(lambda s: Message.begin(s, message, claim_id="clm_other", lease_until=LATER))

    assert (with_other, found(database, message).begun) == (False, False)


def test_change_of_account_needs_the_claim(database: Database) -> None:
    message = in_state(database, MessageStatus.SENDING)

    changed = [
        database.write(
            lambda s, of=of: Message.change_account(s, message, claim_id=of, account_id="acc_2", day="2026-03-11")
        )
        for of in ("clm_other", "clm_1")
    ]

    row = found(database, message)
    assert (changed, row.claim_account_id, row.claim_day) == ([False, True], "acc_2", "2026-03-11")


def test_renew_moves_the_lease_of_those_claims_only(database: Database) -> None:
    mine = in_state(database, MessageStatus.SENDING)
    other = in_state(database, MessageStatus.SENDING, claim_id="clm_2")

    renewed = database.write(lambda s: Message.renew(s, {"clm_1"}, lease_until=LATER + timedelta(hours=1)))

    assert renewed == 1
    assert found(database, mine).lease_until == LATER + timedelta(hours=1)
    assert found(database, other).lease_until == LATER


def test_retry_counts_attempts_anew(database: Database) -> None:
    message = in_state(database, MessageStatus.FAILED, attempts=12, due_at=None, finished_at=NOON, detail="550 no")

    database.write(lambda session: retry(session, message))

    row = found(database, message)
    assert (row.attempts, row.due_at, row.finished_at, row.detail) == (0, NOON, None, "")


def test_every_state_is_waiting_sending_or_over() -> None:
    over = {"sent", "partially_sent", "failed", "suppressed", "cancelled"}

    assert {*UNFINISHED} | over == set(ALL)
    assert MessageStatus.SENDING not in WAITING
