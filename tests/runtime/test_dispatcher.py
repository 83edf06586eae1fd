"""The dispatcher over a real database; a list stands where the broker is."""

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import update

from appliance.bootstrap import Core, build_core, open_database, prepared_data_directory
from appliance.clock import utc_now
from appliance.config.settings import DispatcherSettings, Settings
from appliance.db.models import Message
from appliance.db.models.message import MessageStatus, Priority
from appliance.db.queries import messages, outbox
from appliance.errors import Unavailable
from appliance.mail.addresses import Address
from appliance.runtime import dispatcher as dispatcher_module
from appliance.runtime.dispatcher import Dispatcher, Slots
from appliance.services.in_flight import Claim
from appliance.services.submission import SubmitMessage, Submitter
from tests.factories import add_message
from tests.waiting import wait_until

SLOTS = 2
IDLE = 0.0


class Rig:
    """A dispatcher, the claims that it enqueued, and a worker's part in what comes of them."""

    def __init__(self, core: Core, settings: DispatcherSettings) -> None:
        self.core = core
        self.claims: list[Claim] = []
        self.broker_is_down = False
        self.dispatcher = Dispatcher(
            core.outbox, core.rescue, core.in_flight, settings, self._enqueue, cpu_seconds=lambda: IDLE
        )

    def submit(self, count: int = 1, priority: Priority = Priority.NORMAL) -> list[str]:
        to = (Address("ann@example.com"),)
        command = SubmitMessage(to=to, subject="Hello", text="Hello", priority=priority)
        return [self.core.services.submission.submit(command, Submitter(None)).id for _ in range(count)]

    def deliver(self, claim: Claim) -> None:
        self.core.services.delivery.deliver(list(claim.message_ids), claim.id)

    def claimed(self) -> list[str]:
        return [message_id for claim in list(self.claims) for message_id in claim.message_ids]

    def count(self, status: MessageStatus) -> int:
        with self.core.database.read() as session:
            return messages.counts_by_status(session).get(status, 0)

    def stale_claims(self) -> Sequence[str]:
        with self.core.database.read() as session:
            return outbox.stale_claims(session, now=utc_now())

    def _enqueue(self, claim: Claim) -> None:
        if self.broker_is_down:
            raise Unavailable("The broker cannot be reached.")
        self.claims.append(claim)


@pytest.fixture
def core(settings: Settings) -> Iterator[Core]:
    core = build_core(settings, prepared_data_directory(settings), open_database(settings))
    yield core
    core.database.stop()


@pytest.fixture
def rig(core: Core) -> Iterator[Rig]:
    """Two slots and no more, one for high priority, and a poll that comes too late for any test."""
    settings = DispatcherSettings(
        min_slots=SLOTS, max_slots=SLOTS, high_priority_slots=1, batch_size=10, poll_seconds=600
    )
    rig = Rig(core, settings)
    yield rig
    assert rig.dispatcher.stop(5)


def test_message_is_claimed_as_soon_as_it_is_submitted(rig: Rig) -> None:
    rig.dispatcher.start()

    [message_id] = rig.submit()

    wait_until(lambda: rig.claimed() == [message_id])
    assert rig.count(MessageStatus.SENDING) == 1


def test_what_was_submitted_before_the_start_is_claimed_without_a_call(rig: Rig) -> None:
    waiting = rig.submit(3)
    rig.dispatcher.start()

    rig.core.outbox.notify()

    wait_until(lambda: sorted(rig.claimed()) == sorted(waiting))


def test_poll_finds_what_nobody_told_of(core: Core) -> None:
    rig = Rig(core, DispatcherSettings(poll_seconds=0.02))
    rig.dispatcher.start()
    core.outbox.notify = lambda: None  # type: ignore[method-assign]  # the call is lost

    waiting = rig.submit(1)

    wait_until(lambda: rig.claimed() == waiting)
    assert rig.dispatcher.stop(5)


def test_nothing_is_claimed_while_every_slot_is_taken(rig: Rig) -> None:
    rig.submit(SLOTS)
    rig.dispatcher.start()
    rig.core.outbox.notify()
    wait_until(lambda: len(rig.claims) == SLOTS)

    later = rig.submit(5)
    rig.core.outbox.notify()

    wait_until(lambda: rig.core.outbox.has_due())
    assert len(rig.claims) == SLOTS
    assert rig.count(MessageStatus.QUEUED) == len(later)


def test_slot_that_becomes_free_takes_all_that_has_gathered(rig: Rig) -> None:
    rig.submit(SLOTS)
    rig.dispatcher.start()
    rig.core.outbox.notify()
    wait_until(lambda: len(rig.claims) == SLOTS)
    later = rig.submit(5)

    rig.deliver(rig.claims[0])

    wait_until(lambda: len(rig.claims) == SLOTS + 1)
    assert sorted(rig.claims[-1].message_ids) == sorted(later)


def test_high_priority_has_a_slot_of_its_own(rig: Rig) -> None:
    rig.submit(SLOTS)
    rig.dispatcher.start()
    rig.core.outbox.notify()
    wait_until(lambda: len(rig.claims) == SLOTS)
    rig.submit(1)

    [urgent] = rig.submit(1, Priority.HIGH)

    wait_until(lambda: len(rig.claims) == SLOTS + 1)
    assert rig.claims[-1].message_ids == (urgent,)
    assert rig.claims[-1].high_priority


def test_claim_goes_back_while_the_broker_is_down_and_out_once_it_is_there(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "LONGEST_PATIENCE", 0.02)
    rig.broker_is_down = True
    rig.dispatcher.start()

    waiting = rig.submit(3)
    wait_until(lambda: rig.dispatcher.health().detail)
    assert rig.dispatcher.health().ok
    assert rig.dispatcher.health().detail == "The broker cannot be reached."
    wait_until(lambda: rig.count(MessageStatus.QUEUED) == 3)
    assert rig.core.in_flight.ids() == set()

    rig.broker_is_down = False

    wait_until(lambda: sorted(rig.claimed()) == sorted(waiting))
    wait_until(lambda: rig.dispatcher.health().detail == "")


def test_no_quota_is_lost_when_the_broker_is_down(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher_module, "LONGEST_PATIENCE", 0.02)
    rig.broker_is_down = True
    rig.submit(3)
    rig.dispatcher.start()
    rig.core.outbox.notify()
    wait_until(lambda: rig.dispatcher.health().detail)
    rig.broker_is_down = False
    wait_until(lambda: len(rig.claimed()) == 3)

    for claim in list(rig.claims):
        rig.deliver(claim)

    with rig.core.database.read() as session:
        assert [account.count for account in outbox.accounts(session)] == [3]


def test_nothing_more_is_claimed_once_it_drains(rig: Rig) -> None:
    rig.dispatcher.start()
    rig.core.in_flight.drain()

    rig.submit(3)
    rig.core.outbox.notify()
    assert rig.dispatcher.stop(5)

    assert rig.claims == []
    assert rig.count(MessageStatus.QUEUED) == 3


def test_rest_of_a_claim_that_ended_early_goes_out_again(rig: Rig) -> None:
    waiting = rig.submit(3)
    rig.dispatcher.start()
    rig.core.outbox.notify()
    wait_until(lambda: len(rig.claimed()) == 3)

    for claim in list(rig.claims):
        rig.core.in_flight.end(claim.id)  # a worker that gave it up without a word

    wait_until(lambda: len(rig.claimed()) == 6)
    assert sorted(rig.claimed()[3:]) == sorted(waiting)


def test_start_brings_back_what_an_earlier_process_held(rig: Rig) -> None:
    held = rig.submit(2)
    rig.core.outbox.claim(SLOTS, 0)
    assert rig.count(MessageStatus.SENDING) == 2

    rig.dispatcher.start()

    rig.core.outbox.notify()
    wait_until(lambda: sorted(rig.claimed()) == sorted(held))


def test_restart_takes_nothing_from_a_worker_that_is_at_it(rig: Rig) -> None:
    rig.submit(1)
    rig.dispatcher.start()
    rig.core.outbox.notify()
    wait_until(lambda: len(rig.claims) == 1)

    with rig.core.in_flight.working(rig.claims[0].id):
        assert rig.dispatcher.stop(5)
        rig.dispatcher.start()

        assert rig.count(MessageStatus.SENDING) == 1


def test_claim_that_nobody_reported_on_is_rescued(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher_module, "HOUSEKEEPING_SECONDS", 0.0)
    lost = rig.submit(2)
    rig.dispatcher.start()
    rig.core.outbox.notify()
    wait_until(lambda: len(rig.claimed()) == 2)

    _expire_leases(rig.core)
    rig.core.outbox.notify()

    wait_until(lambda: len(rig.claimed()) == 4)
    assert sorted(rig.claimed()[2:]) == sorted(lost)


def test_lease_is_renewed_while_a_worker_is_at_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher_module, "HOUSEKEEPING_SECONDS", 0.0)
    rig.submit(1)
    rig.dispatcher.start()
    rig.core.outbox.notify()
    wait_until(lambda: len(rig.claims) == 1)

    with rig.core.in_flight.working(rig.claims[0].id):
        _expire_leases(rig.core)
        rig.core.outbox.notify()
        wait_until(lambda: not rig.stale_claims())

    assert len(rig.claims) == 1


def test_database_that_fails_is_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher_module, "LONGEST_PATIENCE", 0.02)
    whole, broken = rig.core.outbox.has_due, threading.Event()

    def has_due() -> bool:
        if broken.is_set():
            raise Unavailable("The database does not answer.")
        return whole()

    rig.core.outbox.has_due = has_due  # type: ignore[method-assign]
    rig.dispatcher.start()
    broken.set()
    [message_id] = rig.submit()
    wait_until(lambda: rig.dispatcher.health().detail == "The database does not answer.")

    broken.clear()

    wait_until(lambda: rig.claimed() == [message_id])


class Load:
    """A processor whose load a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, settings: DispatcherSettings) -> None:
        self._wall = self._cpu = 0.0
        monkeypatch.setattr(dispatcher_module.time, "monotonic", lambda: self._wall)
        self.slots = Slots(settings, lambda: self._cpu)

    def look(self, *, busy: float, all_used: bool) -> int:
        self._wall += 1.0
        self._cpu += busy
        self.slots.adapt(all_used=all_used)
        return self.slots.count


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    return Load(monkeypatch, DispatcherSettings(min_slots=4, max_slots=9))


def test_slots_grow_while_all_are_used_and_the_processor_idles(load: Load) -> None:
    assert [load.look(busy=0.1, all_used=True) for _ in range(4)] == [6, 8, 9, 9]


def test_slots_do_not_grow_while_one_is_free(load: Load) -> None:
    assert [load.look(busy=0.1, all_used=False) for _ in range(3)] == [4, 4, 4]


def test_slots_shrink_while_the_processor_is_busy(load: Load) -> None:
    load.look(busy=0.1, all_used=True)
    load.look(busy=0.1, all_used=True)

    assert [load.look(busy=0.95, all_used=True) for _ in range(5)] == [7, 6, 5, 4, 4]


def _expire_leases(core: Core) -> None:
    past = utc_now() - timedelta(hours=1)
    core.database.write(
        lambda session: session.execute(
            update(Message).where(Message.status == MessageStatus.SENDING).values(lease_until=past)
        )
    )


def test_message_that_is_held_expires_by_itself(rig: Rig) -> None:
    past = utc_now() - timedelta(seconds=1)
    rig.core.database.write(lambda session: add_message(session, status="held", due_at=None, expires_at=past))
    rig.dispatcher.start()

    rig.core.outbox.notify()

    wait_until(lambda: rig.count(MessageStatus.FAILED) == 1)
