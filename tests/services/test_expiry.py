"""Messages that are to go later, and messages that are not to go too late."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from appliance.config.settings import DeliverySettings
from appliance.db.database import Database
from appliance.db.models.message import Priority
from appliance.db.queries import outbox
from appliance.errors import WrongState
from appliance.mail.transport import Envelope, Reply, SendResult, Stage, TemporaryTransportError
from appliance.services.expiry import EXPIRED
from tests.factories import add_message, add_recipient
from tests.fakes import ACCEPTED, NOON, FakeTransports
from tests.services.conftest import Chain, MakeChain, fake_of, outcomes
from tests.services_up import needs_postgres

TEN = NOON + timedelta(minutes=10)
GREYLISTED = TemporaryTransportError(
    "451 greylisted", stage=Stage.DATA, server="fake:25", reply=Reply(451, "4.2.1 greylisted")
)


def sent_to(chain: Chain, account: str) -> list[str]:
    return [email for envelope in fake_of(chain, account).envelopes for email in envelope.rcpt_to]


def test_scheduled_message_goes_out_by_itself_when_its_time_comes(faked: Chain) -> None:
    account = faked.account()
    message = faked.submit(send_at=TEN)
    faked.turn()
    assert (faked.status(message), sent_to(faked, account)) == ("scheduled", [])
    assert "It waits until 12:10 today (UTC), as its sender asked" in faked.explanation(message)

    faked.clock.now = TEN
    faked.turn()

    assert (faked.status(message), sent_to(faked, account)) == ("sent", ["ann@example.com"])


def test_moment_that_is_past_means_now(faked: Chain) -> None:
    faked.account()
    message = faked.submit(send_at=NOON - timedelta(days=400))

    faked.turn()

    assert faked.status(message) == "sent"


def test_scheduled_message_can_be_cancelled(faked: Chain) -> None:
    faked.account()
    message = faked.submit(send_at=TEN)

    faked.messages.cancel(message)

    faked.clock.now = TEN
    faked.turn()
    assert faked.status(message) == "cancelled"


def test_scheduled_message_keeps_its_priority(chain: Chain) -> None:
    chain.account()
    chain.submit(send_at=NOON + timedelta(minutes=1))
    urgent = chain.submit(send_at=TEN, priority=Priority.HIGH)
    chain.clock.now = TEN

    [claim] = chain.claim(slots=0, high_slots=1)

    assert (claim.message_ids, claim.high_priority) == ((urgent,), True)


def test_age_and_date_of_a_scheduled_message_count_from_its_time(make_chain: MakeChain) -> None:
    chain = make_chain(fakes=FakeTransports(), delivery_settings=DeliverySettings(max_age_hours=1, retry_seconds=(60,)))
    account = chain.account()
    fake_of(chain, account).answers = [GREYLISTED]
    message = chain.submit(send_at=NOON + timedelta(days=30))
    chain.clock.advance(days=30)

    chain.turn()
    assert chain.status(message) == "deferred"  # a day counted from its submission would be over
    chain.clock.advance(minutes=1)
    chain.turn()

    assert chain.status(message) == "sent"
    assert b"\r\nDate: Thu, 09 Apr 2026 12:00:00 +0000\r\n" in fake_of(chain, account).envelopes[-1].data


def test_message_that_is_past_its_expiry_is_not_claimed(faked: Chain) -> None:
    account = faked.account()
    late, in_time = faked.submit(expires_at=TEN), faked.submit("bob@example.com")
    faked.clock.now = TEN

    faked.turn()

    assert (faked.status(late), faked.status(in_time)) == ("failed", "sent")
    assert sent_to(faked, account) == ["bob@example.com"]
    found = faked.detail(late)
    assert (found.message.reason, found.message.finished_at, found.message.due_at) == ("expired", TEN, None)
    assert [(one.status, one.reply_text) for one in found.recipients] == [("failed", EXPIRED)]
    assert faked.sent_today(account) == 1
    assert "It expired at 12:10 today (UTC) before it could be sent" in faked.explanation(late)


def test_message_is_looked_at_again_right_before_it_is_sent(faked: Chain) -> None:
    account = faked.account()
    late = faked.submit(expires_at=TEN)
    [claim] = faked.claim()
    faked.clock.now = TEN

    faked.deliver(claim)

    assert (faked.status(late), faked.detail(late).message.reason) == ("failed", "expired")
    assert (outcomes(faked, late), sent_to(faked, account), faked.sent_today(account)) == ([], [], 0)


def test_message_does_not_expire_while_it_is_being_sent(faked: Chain) -> None:
    account = faked.account()
    message = faked.submit(expires_at=TEN)

    def slowly(_envelope: Envelope) -> SendResult:
        faked.clock.now = TEN
        assert faked.outbox.expire() == 0
        return SendResult("sink:25", ACCEPTED)

    fake_of(faked, account).answers = [slowly]
    faked.turn()

    assert faked.status(message) == "sent"


def test_deferred_message_ends_when_it_expires_and_not_later(faked: Chain) -> None:
    fake_of(faked, faked.account()).answers = [GREYLISTED]
    message = faked.submit(expires_at=NOON + timedelta(seconds=30))

    faked.turn()

    assert faked.detail(message).message.due_at == NOON + timedelta(seconds=30)
    assert "before it could be tried again" in faked.explanation(message)
    faked.clock.advance(seconds=30)
    faked.turn()
    assert faked.status(message) == "failed"
    assert "before it could be sent: 451 4.2.1 greylisted" in faked.explanation(message)


def test_held_message_expires_as_well(faked: Chain) -> None:
    faked.account(daily_limit=0)
    message = faked.submit(expires_at=TEN)
    faked.turn()
    assert faked.status(message) == "held"
    assert faked.outbox.expire() == 0
    faked.clock.now = TEN

    assert faked.outbox.expire() == 1

    assert faked.detail(message).message.reason == "expired"
    assert faked.outbox.expire() == 0


def test_expired_message_cannot_be_retried(faked: Chain) -> None:
    faked.account()
    message = faked.submit(expires_at=TEN)
    faked.clock.now = TEN
    faked.outbox.expire()

    with pytest.raises(WrongState, match="it has expired"):
        faked.messages.retry(message)


def test_message_that_somebody_has_got_is_partially_sent_when_it_expires(chain: Chain) -> None:
    assert_partially_sent(chain)


@needs_postgres
@pytest.mark.postgres
def test_message_that_somebody_has_got_is_partially_sent_on_postgresql(
    make_chain: MakeChain, postgres_database: Database
) -> None:
    assert_partially_sent(make_chain(database=postgres_database))


def assert_partially_sent(chain: Chain) -> None:
    message = chain.database.write(
        lambda session: add_message(session, status="deferred", due_at=TEN, expires_at=TEN, detail="451 greylisted")
    )
    chain.database.write(lambda session: add_recipient(session, message, email="bob@example.com", status="sent"))
    chain.clock.now = TEN

    assert chain.outbox.expire() == 1

    found = chain.detail(message)
    assert (found.message.status, found.message.detail) == ("partially_sent", "451 greylisted")
    assert sorted(one.status for one in found.recipients) == ["failed", "sent"]


def test_more_expire_at_once_than_one_step_takes(chain: Chain) -> None:
    add_many(chain.database, range(1_201))
    chain.clock.now = TEN

    assert chain.outbox.expire() == 1_201

    assert chain.statuses() == {"failed": 1_201}


def add_many(database: Database, numbers: Iterable[int]) -> None:
    def write(session: Session) -> None:
        for _ in numbers:
            add_message(session, status="held", due_at=None, expires_at=TEN)

    database.write(write)


def test_looking_for_what_expires_uses_its_index(database: Database) -> None:
    asked: list[tuple[str, Any]] = []
    with database.read() as session:
        event.listen(session.get_bind(), "before_cursor_execute", lambda *about: asked.append((about[2], about[3])))
        outbox.expired(session, now=NOON)
        statement, values = asked[-1]
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()

    assert "ix_messages_expiry" in str(plan)
