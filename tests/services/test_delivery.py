"""Delivery against real SMTP servers on real sockets; fakes only for faults that no server can be told to have."""

import threading
from datetime import datetime, timedelta
from email import message_from_bytes

import pytest
from sqlalchemy import func, select

from appliance.config.settings import DeliverySettings
from appliance.db.database import Database
from appliance.db.models import KeptMail, MessageAttachment, SenderAccount
from appliance.db.models.base import insert_rows
from appliance.db.models.message import Message, Priority
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID, AccountState
from appliance.errors import StorageUnavailable
from appliance.mail.addresses import Address
from appliance.mail.transport import Stage, UncertainTransportError
from appliance.services import delivery
from appliance.services.in_flight import InFlight
from tests.services.conftest import IMPATIENT, Chain, MakeChain, fake_of
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

UNCERTAIN = UncertainTransportError("no answer", stage=Stage.END_OF_DATA, server="fake:25")


def outcomes(chain: Chain, message_id: str) -> list[str]:
    return [attempt.outcome for attempt in chain.detail(message_id).attempts]


def recipients(chain: Chain, message_id: str) -> dict[str, tuple[str, int | None]]:
    return {one.email: (one.status, one.reply_code) for one in chain.detail(message_id).recipients}


def breaker_until(chain: Chain, account_id: str) -> datetime:
    until = chain.sender(account_id).breaker_until
    assert until is not None
    return until


def test_accepted_message_is_sent_with_its_attempt_recorded(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    message = chain.submit("ann@example.com", "bob@example.com")

    chain.turn()

    found = chain.detail(message)
    assert (found.message.status, found.message.attempts, found.message.claim_id) == ("sent", 1, None)
    assert found.message.finished_at == chain.clock()
    assert recipients(chain, message) == {"ann@example.com": ("sent", 250), "bob@example.com": ("sent", 250)}
    assert [(one.account_id, one.account_name, one.outcome) for one in found.attempts] == [(account, "Shop", "sent")]
    assert found.attempts[0].server == f"127.0.0.1:{sink.port}"
    assert [one.rcpt_to for one in sink.messages] == [("ann@example.com", "bob@example.com")]
    assert chain.sent_today(account) == 1


def test_bytes_on_the_wire_are_the_message_without_its_bcc(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink, name="Shop", email="shop@example.com")
    message = chain.submit("ann@example.com", bcc=(Address("secret@example.com", "Hidden Person"),), html="<p>Hi</p>")

    chain.turn()

    received = sink.messages[0]
    parsed = message_from_bytes(received.data)
    assert received.rcpt_to == ("ann@example.com", "secret@example.com")
    assert b"secret@example.com" not in received.data
    assert b"Hidden" not in received.data
    assert parsed["From"] == "Shop <shop@example.com>"
    assert parsed["To"] == "ann@example.com"
    assert parsed["Message-ID"] == chain.detail(message).message.rfc_message_id
    assert [part.get_content_type() for part in parsed.walk()] == ["multipart/alternative", "text/plain", "text/html"]


def test_address_named_twice_gets_one_copy(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = chain.submit("ann@example.com", cc=(Address("ann@example.com"),))

    chain.turn()

    assert sink.messages[0].rcpt_to == ("ann@example.com",)
    assert [one.status for one in chain.detail(message).recipients] == ["sent", "sent"]


def test_some_refused_for_good_is_partially_sent(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: "bad" in line)
    message = chain.submit("ann@example.com", "bad@example.com")

    chain.turn()

    assert chain.status(message) == "partially_sent"
    assert recipients(chain, message) == {"ann@example.com": ("sent", 250), "bad@example.com": ("failed", 550)}
    assert outcomes(chain, message) == ["partial"]
    assert chain.sent_today(account) == 1


def test_recipient_refused_for_now_is_tried_again_alone(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("RCPT", "451 4.2.1 greylisted", when=lambda line: "slow" in line, times=1)
    message = chain.submit("ann@example.com", "slow@example.com")
    chain.turn()
    assert (chain.status(message), recipients(chain, message)["slow@example.com"]) == ("deferred", ("pending", 451))

    chain.clock.advance(minutes=1)
    chain.turn()

    assert chain.status(message) == "sent"
    assert [one.rcpt_to for one in sink.messages] == [("ann@example.com",), ("slow@example.com",)]
    assert sink.messages[0].message_id == sink.messages[1].message_id
    assert chain.sent_today(account) == sink.count == 2


def test_recipients_refused_in_different_ways_each_have_their_own_outcome(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: "bad" in line)
    sink.reply("RCPT", "451 4.2.1 greylisted", when=lambda line: "slow" in line)
    message = chain.submit("bad@example.com", "slow@example.com", "ann@example.com")

    chain.turn()

    assert chain.status(message) == "deferred"
    assert recipients(chain, message) == {
        "bad@example.com": ("failed", 550),
        "slow@example.com": ("pending", 451),
        "ann@example.com": ("sent", 250),
    }


def test_all_refused_for_good_is_failed_and_costs_no_quota(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user")
    message = chain.submit("bad@example.com", "worse@example.com")

    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason) == ("failed", "refused")
    assert "550 5.1.1 no such user" in found.detail
    assert chain.sent_today(account) == sink.count == 0
    assert chain.sender(account).breaker_failures == 0


def test_refused_content_is_failed_for_every_recipient(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("END_OF_DATA", "554 5.7.1 spam")
    message = chain.submit("ann@example.com", "bob@example.com")

    chain.turn()

    assert chain.status(message) == "failed"
    assert recipients(chain, message) == {"ann@example.com": ("failed", 554), "bob@example.com": ("failed", 554)}


def test_temporary_failure_is_retried_after_backoff(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("END_OF_DATA", "451 4.3.0 try later", times=2)
    message = chain.submit()
    waits = []
    for _ in range(2):
        chain.turn()
        found = chain.detail(message).message
        assert (found.status, found.reason, chain.sent_today(account)) == ("deferred", "temporary", 0)
        assert found.due_at is not None
        waits.append(found.due_at - chain.clock())
        chain.clock.now = found.due_at - timedelta(seconds=1)
        chain.turn()
        assert chain.status(message) == "deferred"
        chain.clock.now = found.due_at

    chain.turn()

    assert waits == [timedelta(minutes=1), timedelta(minutes=5)]
    assert chain.status(message) == "sent"
    assert [(one.number, one.outcome) for one in chain.detail(message).attempts] == [
        (1, "deferred"),
        (2, "deferred"),
        (3, "sent"),
    ]


def test_message_is_given_up_after_its_last_attempt(make_chain: MakeChain, sink: SmtpSink) -> None:
    chain = make_chain(delivery_settings=DeliverySettings(max_attempts=2, retry_seconds=(60,)))
    account = chain.account(sink)
    sink.reply("RCPT", "451 4.2.1 try later")
    message = chain.submit()
    chain.turn()

    chain.clock.advance(minutes=1)
    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason, found.attempts, found.due_at) == ("failed", "exhausted", 2, None)
    assert recipients(chain, message) == {"ann@example.com": ("failed", 451)}
    assert chain.sent_today(account) == 0


def test_broken_account_fails_over_within_the_attempt(chain: Chain, sink: SmtpSink, other_sink: SmtpSink) -> None:
    first = chain.account(sink, name="First", priority=2)
    second = chain.account(other_sink, name="Second", priority=1)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    message = chain.submit()

    chain.deliver(chain.claim()[0])

    assert chain.status(message) == "sent"
    assert [(one.account_name, one.outcome, one.number) for one in chain.detail(message).attempts] == [
        ("First", "account_error", 1),
        ("Second", "sent", 1),
    ]
    assert (sink.count, other_sink.count) == (0, 1)
    assert (chain.sent_today(first), chain.sent_today(second)) == (0, 1)
    assert chain.sender(first).state(chain.clock(), "2026-03-10") is AccountState.RESTING
    assert "account suspended" in chain.sender(first).last_error


def test_refused_login_fails_over(chain: Chain, sink: SmtpSink) -> None:
    with SmtpSink(users={"shop": "right"}) as guarded:
        chain.account(guarded, username="shop", password="wrong", priority=1)
        chain.account(sink)
        message = chain.submit()

        chain.turn()

    assert outcomes(chain, message) == ["account_error", "sent"]
    assert sink.count == 1


def test_password_that_cannot_be_read_is_an_error_of_the_account(chain: Chain, sink: SmtpSink) -> None:
    locked = chain.account(sink, name="Locked", username="shop", password="secret", priority=1)
    chain.account(sink, name="Open")
    chain.database.write(lambda session: setattr(session.get(SenderAccount, locked), "password_encrypted", "rubbish"))
    message = chain.submit()

    chain.turn()

    assert [(one.account_name, one.outcome) for one in chain.detail(message).attempts] == [
        ("Locked", "account_error"),
        ("Open", "sent"),
    ]
    assert "encrypted with another key" in chain.sender(locked).last_error


def test_rest_of_a_batch_leaves_a_broken_account(chain: Chain, sink: SmtpSink, other_sink: SmtpSink) -> None:
    broken = chain.account(sink, priority=2)
    chain.account(other_sink, priority=1)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    for _ in range(40):
        chain.submit()

    chain.turn()

    assert chain.statuses() == {"sent": 40}
    assert other_sink.count == 40
    assert chain.sent_today(broken) == 0
    assert sum(command.startswith("MAIL") for command in sink.commands) <= 4


def test_all_accounts_broken_waits_until_one_is_back(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended", times=1)
    message = chain.submit()

    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason, found.attempts) == ("deferred", "account_error", 0)
    assert found.due_at == chain.clock() + timedelta(seconds=30)
    assert chain.sent_today(account) == 0
    chain.clock.advance(seconds=30)
    chain.turn()
    assert (chain.status(message), chain.sent_today(account)) == ("sent", 1)


def test_breaker_doubles_with_each_failed_probe_and_closes_with_a_good_one(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended", times=3)
    chain.submit()
    rests = []
    for _ in range(3):
        chain.turn()
        until = breaker_until(chain, account)
        rests.append((until - chain.clock()).total_seconds())
        chain.clock.now = until

    chain.turn()

    assert rests == [30, 60, 120]
    assert (chain.sender(account).breaker_until, chain.sender(account).breaker_failures) == (None, 0)
    assert chain.statuses() == {"sent": 1}


def test_half_open_breaker_lets_one_message_try(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    for _ in range(20):
        chain.submit()
    chain.turn()
    chain.clock.now = breaker_until(chain, account)
    sink.commands.clear()

    chain.turn()

    assert sum(command.startswith("MAIL") for command in sink.commands) == 1
    assert "sent" not in chain.statuses()


def test_account_that_is_back_takes_everything_that_waited_for_it(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    for _ in range(20):
        chain.submit()
    chain.turn()
    assert "sent" not in chain.statuses()
    chain.clock.now = breaker_until(chain, account)
    sink.forget_rules()

    chain.turn()

    assert chain.statuses() == {"sent": 20}
    assert chain.sent_today(account) == sink.count == 20


def test_account_that_refuses_recipients_is_not_broken(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user")
    for _ in range(5):
        chain.submit()

    chain.turn()

    assert chain.statuses() == {"failed": 5}
    assert chain.sender(account).breaker_until is None


def test_pinned_message_does_not_fail_over(chain: Chain, sink: SmtpSink, other_sink: SmtpSink) -> None:
    pinned = chain.account(sink, priority=1)
    chain.account(other_sink)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    message = chain.submit(account=pinned)

    chain.turn()

    assert (chain.status(message), other_sink.count) == ("deferred", 0)


def test_account_paused_while_it_broke_leaves_the_message_held_for_a_person(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended", times=1)
    message = chain.submit()
    [claim] = chain.claim()
    chain.accounts.pause(account)

    chain.deliver(claim)
    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason, found.due_at) == ("held", "paused", None)
    chain.accounts.resume(account)
    chain.turn()
    assert chain.status(message) == "sent"


def test_account_deleted_while_it_broke_leaves_the_message_to_another(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended", times=1)
    message = chain.submit()
    [claim] = chain.claim()
    chain.accounts.delete(account)

    chain.deliver(claim)
    chain.turn()

    assert chain.status(message) == "sent"
    assert [one.account_id for one in chain.detail(message).attempts] == [account, BUILT_IN_MAILBOX_ID]


def test_connection_lost_after_the_last_dot_is_sent_again_with_the_same_message_id(
    chain: Chain, sink: SmtpSink
) -> None:
    account = chain.account(sink)
    sink.drop("END_OF_DATA", times=1)
    message = chain.submit()
    chain.turn()
    assert (chain.status(message), chain.detail(message).message.reason) == ("deferred", "uncertain")

    chain.clock.advance(minutes=1)
    chain.turn()

    assert (chain.status(message), outcomes(chain, message)) == ("sent", ["uncertain", "sent"])
    assert [one.message_id for one in sink.messages] == [chain.detail(message).message.rfc_message_id] * 2
    assert chain.sent_today(account) == sink.count == 2


def test_uncertain_message_is_held_by_policy(make_chain: MakeChain, sink: SmtpSink) -> None:
    chain = make_chain(delivery_settings=DeliverySettings(**IMPATIENT, on_uncertain="hold"))
    chain.account(sink)
    sink.drop("END_OF_DATA", times=1)
    message = chain.submit()

    chain.turn()
    chain.clock.advance(days=1)
    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason, found.due_at, sink.count) == ("held", "uncertain", None, 1)


def test_duplicate_task_sends_nothing_twice(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    for _ in range(10):
        chain.submit()
    [claim] = chain.claim(slots=1)

    results = [chain.deliver(claim), chain.deliver(claim)]

    assert results == [{"sent": 10}, {}]
    assert sink.count == 10


def test_two_workers_at_the_same_claim_share_it(faked: Chain) -> None:
    account = faked.account()
    for _ in range(10):
        faked.submit()
    [claim] = faked.claim(slots=1)
    transport = fake_of(faked, account)
    transport.open.clear()
    results: list[dict[str, int]] = []
    workers = [threading.Thread(target=lambda: results.append(faked.deliver(claim))) for _ in range(2)]
    for worker in workers:
        worker.start()
    wait_until(lambda: len(transport.envelopes) == 2)

    transport.open.set()
    for worker in workers:
        worker.join()

    assert sum(result["sent"] for result in results) == 10
    assert len({envelope.message_id for envelope in transport.envelopes}) == len(transport.envelopes) == 10


def test_claim_ends_with_the_last_of_its_workers(faked: Chain) -> None:
    account = faked.account()
    message = faked.submit()
    [claim] = faked.claim()
    transport = fake_of(faked, account)
    transport.open.clear()
    worker = threading.Thread(target=lambda: faked.deliver(claim))
    worker.start()
    wait_until(lambda: transport.envelopes)

    faked.deliver(claim)  # the broker delivered the task a second time; it finds nothing to do
    rescued = faked.rescue.leftovers(faked.in_flight.take_ended())

    assert (rescued, faked.status(message)) == (0, "sending")
    transport.open.set()
    worker.join()
    assert (faked.status(message), len(transport.envelopes)) == ("sent", 1)


def test_task_whose_claim_was_rescued_sends_nothing(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = chain.submit()
    [claim] = chain.claim()
    chain.rescue.leftovers([claim.id])

    result = chain.deliver(claim)

    assert (result, sink.count, chain.status(message)) == ({}, 0, "queued")


def test_late_worker_keeps_its_attempt_but_not_the_state(faked: Chain) -> None:
    account = faked.account()
    message = faked.submit()
    [claim] = faked.claim()
    transport = fake_of(faked, account)
    transport.open.clear()
    worker = threading.Thread(target=lambda: faked.deliver(claim))
    worker.start()
    wait_until(lambda: transport.envelopes)
    faked.rescue.leftovers([claim.id])  # as if its lease had run out

    transport.open.set()
    worker.join()

    assert (faked.status(message), outcomes(faked, message)) == ("deferred", ["uncertain", "sent"])


def test_draining_finishes_the_message_at_hand_and_returns_the_rest(faked: Chain) -> None:
    account = faked.account()
    for _ in range(5):
        faked.submit()
    [claim] = faked.claim(slots=1)
    transport = fake_of(faked, account)
    transport.open.clear()
    worker = threading.Thread(target=lambda: faked.deliver(claim))
    worker.start()
    wait_until(lambda: transport.envelopes)

    faked.in_flight.drain()
    transport.open.set()
    worker.join()
    faked.rescue.leftovers(faked.in_flight.take_ended())

    assert faked.statuses() == {"sent": 1, "queued": 4}
    assert faked.sent_today(account) == 1


class StorageOnStrike:
    """A database that refuses writes for as long as it is told, as one on a full disk does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.refusals = 0
        self.striking = False

    def read(self):  # noqa: ANN201
        return self._database.read()

    def write(self, fn):  # noqa: ANN001, ANN201
        if self.striking:
            self.refusals += 1
            raise StorageUnavailable("the disk is full")
        return self._database.write(fn)


def test_full_disk_is_waited_for_once_the_server_has_accepted(
    faked: Chain, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "STORAGE_RETRY_SECONDS", 0.01)
    account = faked.account()
    message = faked.submit()
    [claim] = faked.claim()
    transport = fake_of(faked, account)
    transport.open.clear()
    storage = StorageOnStrike(database)
    faked.database = storage  # type: ignore[assignment]
    worker = threading.Thread(target=faked.another_worker(faked.in_flight).deliver, args=(claim.message_ids, claim.id))
    worker.start()
    wait_until(lambda: transport.envelopes)
    storage.striking = True
    transport.open.set()
    wait_until(lambda: storage.refusals > 3)
    assert faked.status(message) == "sending"

    storage.striking = False
    worker.join()

    assert (faked.status(message), len(transport.envelopes)) == ("sent", 1)


def test_full_disk_during_a_fail_over_is_waited_for(
    chain: Chain, database: Database, sink: SmtpSink, other_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "STORAGE_RETRY_SECONDS", 0.01)
    chain.account(sink, priority=1)
    chain.account(other_sink)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    sink.delay("MAIL", 0.2)
    message = chain.submit()
    [claim] = chain.claim()
    storage = StorageOnStrike(database)
    chain.database = storage  # type: ignore[assignment]
    worker = threading.Thread(target=chain.another_worker(chain.in_flight).deliver, args=(claim.message_ids, claim.id))
    worker.start()
    wait_until(lambda: any(command.startswith("MAIL") for command in sink.commands))
    storage.striking = True
    wait_until(lambda: storage.refusals > 3)

    storage.striking = False
    worker.join()

    assert (chain.status(message), outcomes(chain, message)) == ("sent", ["account_error", "sent"])


def test_stop_does_not_wait_for_a_disk_that_stays_full(faked: Chain, database: Database) -> None:
    account = faked.account()
    message = faked.submit()
    [claim] = faked.claim()
    transport = fake_of(faked, account)
    storage = StorageOnStrike(database)
    faked.database = storage  # type: ignore[assignment]
    worker = faked.another_worker(faked.in_flight)
    transport.answers = [lambda envelope: strike_and_stop(storage, faked.in_flight)]

    with pytest.raises(StorageUnavailable):
        worker.deliver(claim.message_ids, claim.id)

    assert faked.status(message) == "sending"


def strike_and_stop(storage: StorageOnStrike, in_flight: InFlight):  # noqa: ANN201
    storage.striking = True
    in_flight.drain()
    raise UNCERTAIN


def test_message_that_cannot_be_composed_fails_alone(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    broken, good = chain.submit(), chain.submit("bob@example.com")
    attachment = {"filename": "a.pdf", "content_type": "application/pdf", "size": 1, "sha256": "ab" * 32}
    chain.database.write(lambda session: insert_rows(session, MessageAttachment, {"message_id": broken, **attachment}))

    chain.deliver(chain.claim(slots=1)[0])

    found = chain.detail(broken).message
    assert (found.status, found.reason) == ("failed", "invalid")
    assert "Send the message anew" in found.detail
    assert chain.status(good) == "sent"
    assert chain.sent_today(account) == sink.count == 1


def test_mail_goes_to_the_built_in_mailbox_while_there_is_no_account(chain: Chain) -> None:
    message = chain.submit("ann@example.com")

    chain.turn()

    with chain.database.read() as session:
        kept = session.scalars(select(KeptMail)).one()
    assert chain.status(message) == "sent"
    assert (kept.rcpt_to, kept.rfc_message_id) == (["ann@example.com"], chain.detail(message).message.rfc_message_id)


def test_high_priority_goes_first(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    chain.submit("slow@example.com", priority=Priority.LOW)
    chain.submit("usual@example.com")
    chain.submit("urgent@example.com", priority=Priority.HIGH)

    chain.turn()

    assert [one.rcpt_to[0] for one in sink.messages] == ["urgent@example.com", "usual@example.com", "slow@example.com"]


def test_counts_of_the_day_agree_with_what_the_servers_received(
    chain: Chain, sink: SmtpSink, other_sink: SmtpSink
) -> None:
    limited = chain.account(sink, daily_limit=15, priority=1)
    other = chain.account(other_sink)
    sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: "bad" in line)
    sink.reply("RCPT", "451 4.2.1 greylisted", when=lambda line: "slow" in line, times=3)
    sink.reply("MAIL", "421 4.7.0 too busy", times=1)
    other_sink.reply("END_OF_DATA", "451 4.3.0 try later", times=4)
    other_sink.drop("END_OF_DATA", times=2)
    other_sink.reply("MAIL", "550 5.7.1 account suspended", times=1)
    for number in range(60):
        chain.submit(f"{('ann', 'bad', 'slow')[number % 3]}{number}@example.com", f"bob{number}@example.com")

    for _ in range(12):
        chain.turn()
        chain.clock.advance(minutes=12)

    unfinished = {status for status in chain.statuses() if status not in ("sent", "partially_sent", "failed")}
    assert unfinished == set()
    assert (chain.sent_today(limited), chain.sent_today(other)) == (sink.count, other_sink.count)
    assert sink.count <= 15
    with chain.database.read() as session:
        assert session.scalar(select(func.count()).where(Message.claim_id.is_not(None))) == 0
