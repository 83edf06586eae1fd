"""New mail is refused while the disk or the queue has no room, and taken again as soon as there is some."""

from contextlib import ExitStack

import pytest
from sqlalchemy.orm import Session

from appliance.config.capacity_settings import CapacitySettings
from appliance.db.database import Database
from appliance.db.queries import messages
from appliance.errors import DiskFull, InvalidInput, QueueFull
from appliance.services.capacity import MEGABYTE, Capacity, Short, Shortage
from appliance.services.submission import Submission
from tests.factories import submit_message
from tests.fakes import FakeTimer
from tests.services.conftest import ACME, Chain

NO_FLOOR = CapacitySettings(min_free_mb=0, queue_messages=3)


def let_in(capacity: Capacity, count: int) -> None:
    """Nothing comes of them."""
    with capacity.room(count):
        pass


def no_disk() -> int:
    raise AssertionError("nobody asked for a floor")


@pytest.fixture
def timer() -> FakeTimer:
    return FakeTimer()


def test_disk_below_the_floor_refuses_until_there_is_room_again(database: Database, timer: FakeTimer) -> None:
    free = [100 * MEGABYTE]
    capacity = Capacity(database, CapacitySettings(min_free_mb=50), lambda: free[0], timer=timer)
    let_in(capacity, 1)

    free[0] = 49 * MEGABYTE
    timer.seconds += 1
    with pytest.raises(DiskFull, match=r"49 MB left.*50 MB or more.*Make room"):
        let_in(capacity, 1)
    with pytest.raises(DiskFull):
        capacity.require_disk()
    assert capacity.short() == Short(Shortage.DISK, 49 * MEGABYTE, 50 * MEGABYTE)

    free[0] = 50 * MEGABYTE
    timer.seconds += 1
    let_in(capacity, 1)
    assert capacity.short() is None


def test_no_floor_looks_at_no_disk(database: Database) -> None:
    let_in(Capacity(database, CapacitySettings(min_free_mb=0), no_disk), 1)


def test_the_queue_takes_as_many_as_its_limit_and_no_more_within_a_second(chain: Chain, timer: FakeTimer) -> None:
    capacity = Capacity(chain.database, NO_FLOOR, no_disk, timer=timer)

    for _ in range(3):
        let_in(capacity, 1)

    with pytest.raises(QueueFull, match=r"not ended yet.*above 3") as refused:
        let_in(capacity, 1)
    assert refused.value.retry_after > 0


def test_a_batch_that_would_go_beyond_the_limit_is_refused_whole(chain: Chain, timer: FakeTimer) -> None:
    capacity = Capacity(chain.database, NO_FLOOR, no_disk, timer=timer)

    with pytest.raises(QueueFull):
        let_in(capacity, 4)

    let_in(capacity, 3)


def test_room_that_was_made_is_found_after_a_second(chain: Chain, timer: FakeTimer) -> None:
    ids = [chain.submit() for _ in range(3)]
    capacity = Capacity(chain.database, NO_FLOOR, no_disk, timer=timer)
    assert capacity.short() == Short(Shortage.QUEUE, 3, 3)
    for message_id in ids[:2]:
        chain.messages.cancel(message_id)

    with pytest.raises(QueueFull):
        let_in(capacity, 1)
    timer.seconds += 1
    let_in(capacity, 2)

    with pytest.raises(QueueFull):
        let_in(capacity, 1)


def test_what_was_let_in_and_is_not_stored_yet_counts_however_long_that_takes(chain: Chain, timer: FakeTimer) -> None:
    capacity = Capacity(chain.database, NO_FLOOR, no_disk, timer=timer)
    with capacity.room(3):
        for _ in range(3):
            timer.seconds += 31  # so that it is counted anew
            with pytest.raises(QueueFull):
                let_in(capacity, 1)

    timer.seconds += 1
    let_in(capacity, 3)  # nothing came of those three


def test_what_is_stored_while_it_is_counted_is_missed_by_nobody(
    chain: Chain, timer: FakeTimer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a database server others go on meanwhile: theirs may be too late for the count, and stored when it comes."""
    capacity = Capacity(chain.database, NO_FLOOR, no_disk, timer=timer)
    assert capacity.short() is None
    room = ExitStack()
    room.enter_context(capacity.room(3))
    counted = messages.counts_by_status

    def count(session: Session) -> dict[str, int]:
        found = counted(session)
        with room:
            for _ in range(3):
                chain.submit()
        return found

    monkeypatch.setattr(messages, "counts_by_status", count)
    timer.seconds += 31

    with pytest.raises(QueueFull):
        let_in(capacity, 1)


def test_a_message_is_under_way_until_its_submission_has_ended_well_or_not(chain: Chain, timer: FakeTimer) -> None:
    capacity = Capacity(chain.database, NO_FLOOR, no_disk, timer=timer)
    submission = Submission(chain.database, chain.outbox, hostname="box.example", clock=chain.clock, room=capacity.room)
    for _ in range(3):
        with pytest.raises(InvalidInput):
            submission.submit(submit_message(account="acc_none"), ACME)

    timer.seconds += 31

    let_in(capacity, 3)


def test_only_what_has_not_ended_counts(chain: Chain) -> None:
    for _ in range(3):
        chain.messages.cancel(chain.submit())

    let_in(Capacity(chain.database, NO_FLOOR, no_disk), 3)


def test_what_was_accepted_is_answered_again_while_there_is_no_room(chain: Chain) -> None:
    capacity = Capacity(chain.database, CapacitySettings(min_free_mb=0, queue_messages=1), no_disk)
    submission = Submission(chain.database, chain.outbox, hostname="box.example", clock=chain.clock, room=capacity.room)
    first = submission.submit(submit_message(), ACME, "monday")

    again = submission.submit(submit_message(), ACME, "monday")

    assert (again.id, again.replayed) == (first.id, True)
    with pytest.raises(QueueFull):
        submission.submit(submit_message(), ACME, "tuesday")
