"""The watchdog, on a loop that is really held."""

import time
from collections.abc import Iterator

import gevent
import pytest
from gevent import monkey
from structlog.testing import capture_logs

from appliance.runtime.watchdog import BLOCKED_SECONDS, RESTING_BEAT_SECONDS, HubWatchdog
from tests.waiting import wait_until

hold = monkey.get_original("time", "sleep")


@pytest.fixture
def watchdog() -> Iterator[HubWatchdog]:
    watchdog = HubWatchdog()
    watchdog.start()
    gevent.sleep(0.01)  # what the loop does already as the watchdog starts is not watched
    yield watchdog
    watchdog.stop()


def hold_the_loop() -> None:
    hold(BLOCKED_SECONDS * 2)


def test_who_held_the_loop_is_named_in_the_log(watchdog: HubWatchdog) -> None:
    with capture_logs() as log:
        hold_the_loop()
        wait_until(lambda: log)

    assert log[0]["event"] == "the event loop was blocked"
    assert "hold_the_loop (test_watchdog.py:" in log[0]["by"]


def test_a_heartbeat_that_the_loop_was_held_for_is_late(watchdog: HubWatchdog) -> None:
    def held() -> bool:
        hold_the_loop()  # now and then, for a heart at rest beats seldom
        gevent.sleep(0.01)
        return watchdog.lag() > BLOCKED_SECONDS / 2

    wait_until(held)

    assert watchdog.lags.sum >= watchdog.lag()


def test_what_waits_is_not_taken_for_work(watchdog: HubWatchdog) -> None:
    """A greenlet that runs no code holds nobody, however long it waits."""
    with capture_logs() as log:
        gevent.sleep(BLOCKED_SECONDS * 3)

    assert log == []


def test_a_heart_at_rest_beats_seldom_and_with_work_often(watchdog: HubWatchdog) -> None:
    gevent.sleep(RESTING_BEAT_SECONDS / 2)
    before = watchdog.lags.count
    gevent.sleep(RESTING_BEAT_SECONDS)
    at_rest = watchdog.lags.count - before

    def busy() -> bool:
        gevent.sleep(0.001)
        return watchdog.lags.count - before > at_rest + 5

    wait_until(busy)
    assert at_rest < 10


def test_nothing_is_logged_while_the_loop_is_free(watchdog: HubWatchdog) -> None:
    with capture_logs() as log:
        beaten = time.monotonic() + BLOCKED_SECONDS
        wait_until(lambda: time.monotonic() > beaten)

    assert log == []


def test_start_and_stop_are_harmless_twice(watchdog: HubWatchdog) -> None:
    watchdog.start()
    watchdog.stop()
    watchdog.stop()
    watchdog.start()
    gevent.sleep(0.01)

    with capture_logs() as log:
        hold_the_loop()
        wait_until(lambda: log)

    assert len(log) == 1
