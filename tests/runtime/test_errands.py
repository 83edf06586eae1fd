"""Errands: turns are taken while there is more, one that fails does not stop the others, and it is said once."""

from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from appliance.errors import StorageUnavailable
from appliance.runtime.errands import Errand, Errands
from tests.runtime.test_component import start_stop_stress
from tests.waiting import wait_until


@pytest.fixture
def start() -> Iterator[Callable[..., Errands]]:
    made: list[Errands] = []

    def start(*errands: Errand) -> Errands:
        made.append(Errands(errands))
        made[-1].start()
        return made[-1]

    yield start
    assert all(one.stop(5) for one in made)


class Work:
    """So many turns are worth taking; then there is nothing more."""

    def __init__(self, turns: int = 0, failure: Exception | None = None) -> None:
        self.left = turns
        self.taken = 0
        self.failure = failure

    def turn(self) -> bool:
        self.taken += 1
        if self.failure is not None:
            raise self.failure
        self.left -= 1
        return self.left > 0


def test_turns_follow_each_other_while_there_is_more(start: Callable[..., Errands]) -> None:
    work = Work(turns=20)

    start(Errand("count", work.turn))

    wait_until(lambda: work.left <= 0)


def test_who_is_notified_looks_again(start: Callable[..., Errands]) -> None:
    work = Work()
    errands = start(Errand("count", work.turn))
    wait_until(lambda: work.taken)
    taken = work.taken

    errands.notify()

    wait_until(lambda: work.taken > taken)


@pytest.mark.parametrize("failure", [StorageUnavailable("the disk is full"), RuntimeError("a bug")])
def test_errand_that_fails_stops_no_other_and_is_said_in_health(
    start: Callable[..., Errands], failure: Exception
) -> None:
    broken, sound = Work(failure=failure), Work(turns=5)

    errands = start(Errand("broken", broken.turn), Errand("sound", sound.turn))

    wait_until(lambda: sound.left <= 0)
    assert errands.health().ok
    assert str(failure) in errands.health().detail
    assert errands.health().detail.startswith("broken: ")


def test_failure_is_logged_once_and_its_end_as_well(start: Callable[..., Errands]) -> None:
    work = Work(failure=RuntimeError("a bug"))

    with capture_logs() as log:
        errands = start(Errand("count", work.turn))
        wait_until(lambda: errands.notify() or work.taken > 3)
        work.failure = None
        wait_until(lambda: errands.notify() or not errands.health().detail)

    said = [line["event"] for line in log]
    assert said == ["an errand failed", "an errand works again"]


def test_start_and_stop_from_many_threads() -> None:
    assert start_stop_stress(Errands([Errand("count", lambda: False)])) == []
