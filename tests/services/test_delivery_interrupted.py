"""Delivery that is interrupted, done twice, or cannot be written down."""

import threading

import pytest

from appliance.config.settings import DeliverySettings
from appliance.db.database import Database
from appliance.errors import StorageUnavailable
from appliance.mail.transport import Stage, UncertainTransportError
from appliance.services import delivery
from appliance.services.in_flight import Claim, InFlight
from tests.fakes import FakeTransport
from tests.services.conftest import IMPATIENT, Chain, MakeChain, fake_of, outcomes
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

UNCERTAIN = UncertainTransportError("no answer", stage=Stage.END_OF_DATA, server="fake:25")


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


def stalled_worker(faked: Chain, account: str, claim: Claim) -> tuple[FakeTransport, threading.Thread]:
    """It has handed the message over, and stands still before it hears the answer."""
    transport = fake_of(faked, account)
    transport.open.clear()
    worker = threading.Thread(target=lambda: faked.deliver(claim))
    worker.start()
    wait_until(lambda: transport.envelopes)
    return transport, worker


def test_worker_that_was_taken_for_dead_still_knows_that_the_server_took_it(faked: Chain) -> None:
    account = faked.account()
    message = faked.submit()
    [claim] = faked.claim()
    transport, worker = stalled_worker(faked, account, claim)
    faked.rescue.leftovers([claim.id])  # as if its lease had run out

    transport.open.set()
    worker.join()

    assert (faked.status(message), outcomes(faked, message)) == ("sent", ["uncertain", "sent"])
    assert [one.status for one in faked.detail(message).recipients] == ["sent"]


def test_late_worker_does_not_take_the_message_from_who_has_claimed_it_since(faked: Chain) -> None:
    account = faked.account()
    message = faked.submit()
    [claim] = faked.claim()
    transport, worker = stalled_worker(faked, account, claim)
    faked.rescue.leftovers([claim.id])
    faked.clock.advance(minutes=5)
    [second] = faked.claim()

    transport.open.set()
    worker.join()

    assert (faked.status(message), second.message_ids) == ("sending", (message,))


def test_late_worker_does_not_revive_what_was_cancelled(faked: Chain) -> None:
    account = faked.account()
    message = faked.submit()
    [claim] = faked.claim()
    transport, worker = stalled_worker(faked, account, claim)
    faked.rescue.leftovers([claim.id])
    faked.messages.cancel(message)

    transport.open.set()
    worker.join()

    assert faked.status(message) == "cancelled"


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

    def strike(self) -> bool:
        self.striking = True
        return True

    def read(self):
        return self._database.read()

    def write(self, fn):
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
    message = chain.submit()
    [claim] = chain.claim()
    storage = StorageOnStrike(database)
    chain.database = storage  # type: ignore[assignment]
    sink.reply("MAIL", "550 5.7.1 account suspended", when=lambda _: storage.strike())
    worker = threading.Thread(target=chain.another_worker(chain.in_flight).deliver, args=(claim.message_ids, claim.id))
    worker.start()
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


def strike_and_stop(storage: StorageOnStrike, in_flight: InFlight):
    storage.striking = True
    in_flight.drain()
    raise UNCERTAIN
