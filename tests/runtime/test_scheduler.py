"""The scheduler: what it enqueues, and what it makes up for when the box was off."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from appliance.errors import StartupError, Unavailable
from appliance.health import Status
from appliance.runtime.scheduler import Scheduler, missed
from tests.waiting import wait_until

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
NEVER_SOON = {"daily": "0 0 * * *", "leap": "0 0 29 2 *"}


class Rig:
    """A scheduler with its collaborators: a list, a dictionary and a clock that stands still."""

    def __init__(self) -> None:
        self.enqueued: list[str] = []
        self.last_runs: dict[str, datetime] = {}
        self.now = NOON
        self.enqueue: Callable[[str], None] = self.enqueued.append
        self.made: list[Scheduler] = []

    def scheduler(self, crons: dict[str, str], zone: tzinfo = BERLIN) -> Scheduler:
        scheduler = Scheduler(
            crons,
            lambda key: self.enqueue(key),
            self.last_runs.get,
            self.last_runs.__setitem__,
            zone=zone,  # type: ignore[arg-type]
            clock=lambda: self.now,
        )
        self.made.append(scheduler)
        return scheduler


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    assert all(scheduler.stop(5) for scheduler in rig.made)


class Soon(tzinfo):
    """A zone in which it is one second before midnight when it is made, so that a test need not wait for a day."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        self._offset = (midnight - now - timedelta(seconds=1)) % timedelta(hours=24)
        self.broken = False

    def utcoffset(self, _: datetime | None) -> timedelta:
        if self.broken:
            raise RuntimeError("the calendar is gone")
        return self._offset

    def dst(self, _: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, _: datetime | None) -> str:
        return "SOON"


def test_periodic_task_is_enqueued_when_its_time_comes(rig: Rig) -> None:
    rig.last_runs["daily"] = rig.now = datetime.now(UTC)
    rig.scheduler({"daily": "0 0 * * *", "other": "0 12 * * *"}, Soon()).start()

    wait_until(lambda: rig.enqueued)

    assert rig.enqueued == ["daily"]


def test_first_start_makes_nothing_up_and_counts_from_then(rig: Rig) -> None:
    rig.scheduler(NEVER_SOON).start()

    assert rig.enqueued == []
    assert rig.last_runs == {"daily": NOON, "leap": NOON}


def test_run_missed_while_the_box_was_off_is_made_up_once(rig: Rig) -> None:
    rig.last_runs |= {"daily": NOON - timedelta(days=9), "leap": NOON - timedelta(days=9)}

    rig.scheduler(NEVER_SOON).start()

    assert rig.enqueued == ["daily"]


def test_nothing_is_made_up_when_nothing_was_missed(rig: Rig) -> None:
    rig.last_runs |= {"daily": datetime(2026, 5, 1, 0, 0, tzinfo=BERLIN), "leap": NOON - timedelta(days=9)}

    rig.scheduler(NEVER_SOON).start()

    assert rig.enqueued == []


def test_what_was_made_up_and_noted_is_not_made_up_at_the_next_start(rig: Rig) -> None:
    rig.last_runs |= {"daily": NOON - timedelta(days=1), "leap": NOON}
    scheduler = rig.scheduler(NEVER_SOON)
    scheduler.start()
    rig.last_runs["daily"] = NOON  # the task ran

    scheduler.stop(5)
    scheduler.start()

    assert rig.enqueued == ["daily"]


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        ("2024-03-30T23:30+01:00", "2024-03-31T00:30+01:00", True),
        ("2024-03-31T00:00+01:00", "2024-03-31T23:59+02:00", False),  # the short day
        ("2024-10-27T00:00+02:00", "2024-10-27T23:59+01:00", False),  # the long day
        ("2024-10-27T00:00+02:00", "2024-10-28T00:00+01:00", True),
    ],
)
def test_missed_run_is_told_by_the_calendar_of_the_zone(last: str, now: str, expected: bool) -> None:
    assert missed("0 0 * * *", BERLIN, datetime.fromisoformat(last), datetime.fromisoformat(now)) is expected


def test_next_runs_are_known_while_it_runs(rig: Rig) -> None:
    scheduler = rig.scheduler({"daily": "0 0 * * *"})
    assert scheduler.next_runs() == {"daily": None}

    scheduler.start()

    [next_run] = scheduler.next_runs().values()
    assert next_run is not None
    assert next_run > datetime.now(UTC)
    assert (next_run.astimezone(BERLIN).hour, next_run.astimezone(BERLIN).minute) == (0, 0)
    scheduler.stop(5)
    assert scheduler.next_runs() == {"daily": None}


def test_broker_that_is_down_is_logged_and_ends_nothing(rig: Rig) -> None:
    def fail(key: str) -> None:
        raise Unavailable("The broker cannot be reached.")

    rig.enqueue = fail
    rig.last_runs |= {"daily": NOON - timedelta(days=2), "leap": NOON}
    scheduler = rig.scheduler(NEVER_SOON)

    with capture_logs() as log:
        scheduler.start()

    assert scheduler.health().ok
    [error] = [line for line in log if line["log_level"] == "error"]
    assert (error["task"], error["reason"]) == ("daily", "The broker cannot be reached.")


def test_database_that_is_down_is_a_startup_error(rig: Rig) -> None:
    def fail(_key: str) -> None:
        raise Unavailable("The database does not answer.")

    scheduler = Scheduler(NEVER_SOON, rig.enqueue, fail, rig.last_runs.__setitem__, zone=BERLIN, clock=lambda: NOON)

    with pytest.raises(StartupError, match="The database does not answer"):
        scheduler.start()


def test_error_in_its_loop_is_seen(rig: Rig) -> None:
    zone = Soon()
    rig.last_runs["daily"] = rig.now = datetime.now(UTC)
    scheduler = rig.scheduler({"daily": "0 0 * * *"}, zone)
    scheduler.start()

    zone.broken = True

    wait_until(lambda: scheduler.health().status is Status.FAILED)
    assert scheduler.health().detail == "RuntimeError: the calendar is gone"
