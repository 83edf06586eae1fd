"""New mail is refused while the disk or the queue has no room, and taken again as soon as there is some."""

import pytest

from appliance.config.capacity_settings import CapacitySettings
from appliance.db.database import Database
from appliance.errors import DiskFull, QueueFull
from appliance.services.capacity import MEGABYTE, Capacity, Short, Shortage
from appliance.services.submission import Submission
from tests.factories import submit_message
from tests.fakes import FakeTimer
from tests.services.conftest import ACME, Chain

NO_FLOOR = CapacitySettings(min_free_mb=0, queue_messages=3)


def no_disk() -> int:
    raise AssertionError("nobody asked for a floor")


@pytest.fixture
def timer() -> FakeTimer:
    return FakeTimer()


def test_disk_below_the_floor_refuses_until_there_is_room_again(database: Database, timer: FakeTimer) -> None:
    free = [100 * MEGABYTE]
    capacity = Capacity(database, CapacitySettings(min_free_mb=50), lambda: free[0], timer=timer)
    capacity.require(1)

    free[0] = 49 * MEGABYTE
    timer.seconds += 1
    with pytest.raises(DiskFull, match=r"49 MB left.*50 MB or more.*Make room"):
        capacity.require(1)
    with pytest.raises(DiskFull):
        capacity.require_disk()
    assert capacity.short() == Short(Shortage.DISK, 49 * MEGABYTE, 50 * MEGABYTE)

    free[0] = 50 * MEGABYTE
    timer.seconds += 1
    capacity.require(1)
    assert capacity.short() is None


def test_no_floor_looks_at_no_disk(database: Database) -> None:
    Capacity(database, CapacitySettings(min_free_mb=0), no_disk).require(1)


def test_the_queue_takes_as_many_as_its_limit_and_no_more_within_a_second(chain: Chain, timer: FakeTimer) -> None:
    capacity = Capacity(chain.database, NO_FLOOR, no_disk, timer=timer)

    for _ in range(3):
        capacity.require(1)

    with pytest.raises(QueueFull, match=r"not ended yet.*above 3") as refused:
        capacity.require(1)
    assert refused.value.retry_after > 0


def test_a_batch_that_would_go_beyond_the_limit_is_refused_whole(chain: Chain, timer: FakeTimer) -> None:
    capacity = Capacity(chain.database, NO_FLOOR, no_disk, timer=timer)

    with pytest.raises(QueueFull):
        capacity.require(4)

    capacity.require(3)


def test_room_that_was_made_is_found_after_a_second(chain: Chain, timer: FakeTimer) -> None:
    ids = [chain.submit() for _ in range(3)]
    capacity = Capacity(chain.database, NO_FLOOR, no_disk, timer=timer)
    assert capacity.short() == Short(Shortage.QUEUE, 3, 3)
    for message_id in ids[:2]:
        chain.messages.cancel(message_id)

    with pytest.raises(QueueFull):
        capacity.require(1)
    timer.seconds += 1
    capacity.require(2)

    with pytest.raises(QueueFull):
        capacity.require(1)


def test_what_was_let_in_and_is_not_stored_yet_counts(chain: Chain, timer: FakeTimer) -> None:
    capacity = Capacity(chain.database, NO_FLOOR, no_disk, timer=timer)
    assert capacity.short() is None
    timer.seconds += 29.5
    capacity.require(3)
    timer.seconds += 0.5  # so that it is counted anew

    with pytest.raises(QueueFull):
        capacity.require(1)
    timer.seconds += 1
    capacity.require(3)  # nothing came of those three


def test_only_what_has_not_ended_counts(chain: Chain) -> None:
    for _ in range(3):
        chain.messages.cancel(chain.submit())

    Capacity(chain.database, NO_FLOOR, no_disk).require(3)


def test_what_was_accepted_is_answered_again_while_there_is_no_room(chain: Chain) -> None:
    capacity = Capacity(chain.database, CapacitySettings(min_free_mb=0, queue_messages=1), no_disk)
    submission = Submission(
        chain.database, chain.outbox, hostname="box.example", clock=chain.clock, require_room=capacity.require
    )
    first = submission.submit(submit_message(), ACME, "monday")

    again = submission.submit(submit_message(), ACME, "monday")

    assert (again.id, again.replayed) == (first.id, True)
    with pytest.raises(QueueFull):
        submission.submit(submit_message(), ACME, "tuesday")
