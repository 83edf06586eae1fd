"""The watchdog, on a loop that is really held."""

import time
from collections.abc import Iterator

import pytest
from gevent import monkey
from structlog.testing import capture_logs

from appliance.runtime.watchdog import BLOCKED_SECONDS, HubWatchdog
from tests.waiting import wait_until

hold = monkey.get_original("time", "sleep")


@pytest.fixture
def watchdog() -> Iterator[HubWatchdog]:
    watchdog = HubWatchdog()
    watchdog.start()
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


def test_worst_lag_is_kept_until_it_is_taken(watchdog: HubWatchdog) -> None:
    hold_the_loop()
    wait_until(lambda: watchdog.lag() < BLOCKED_SECONDS)

    wait_until(lambda: watchdog.take_worst() > BLOCKED_SECONDS)

    assert watchdog.take_worst() < BLOCKED_SECONDS


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

    with capture_logs() as log:
        hold_the_loop()
        wait_until(lambda: log)

    assert len(log) == 1
