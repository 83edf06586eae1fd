"""Guessing gets slow, and nobody is locked out for ever."""

import pytest

from appliance.services.throttle import FORGOTTEN_AFTER, FREE_TRIES, LONGEST_WAIT, MOST_KEYS, Throttle


class Timer:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def throttle(timer: Timer) -> Throttle:
    return Throttle(timer)


def exhaust(throttle: Throttle, key: str) -> None:
    for _ in range(FREE_TRIES):
        assert throttle.admit(key) == 0


def test_the_first_tries_are_free(throttle: Throttle) -> None:
    waits = [throttle.admit("ann") for _ in range(FREE_TRIES)]

    assert waits == [0.0] * FREE_TRIES


def test_a_further_try_must_wait(throttle: Throttle) -> None:
    exhaust(throttle, "ann")

    assert throttle.admit("ann") > 0


def test_waiting_as_long_as_told_admits_the_next_try(throttle: Throttle, timer: Timer) -> None:
    exhaust(throttle, "ann")

    timer.now += throttle.admit("ann")

    assert throttle.admit("ann") == 0


def test_a_refused_try_does_not_make_the_wait_longer(throttle: Throttle) -> None:
    exhaust(throttle, "ann")

    assert throttle.admit("ann") == throttle.admit("ann")


def test_waits_grow_up_to_a_limit(throttle: Throttle, timer: Timer) -> None:
    exhaust(throttle, "ann")
    waits = []
    for _ in range(12):
        wait = throttle.admit("ann")
        waits.append(wait)
        timer.now += wait
        throttle.admit("ann")

    assert waits == sorted(waits)
    assert waits[1] > waits[0]
    assert waits[-1] == LONGEST_WAIT


def test_other_keys_are_not_slowed_down(throttle: Throttle) -> None:
    exhaust(throttle, "ann")

    assert throttle.admit("bob") == 0


def test_a_right_try_starts_the_count_anew(throttle: Throttle) -> None:
    exhaust(throttle, "ann")

    throttle.forget("ann")

    exhaust(throttle, "ann")


def test_old_tries_are_forgotten(throttle: Throttle, timer: Timer) -> None:
    exhaust(throttle, "ann")

    timer.now += FORGOTTEN_AFTER + 1

    exhaust(throttle, "ann")


def test_memory_stays_bounded(throttle: Throttle) -> None:
    for number in range(MOST_KEYS + 50):
        throttle.admit(f"key {number}")

    assert len(throttle._tries) == MOST_KEYS


def test_the_longest_unused_keys_are_dropped_first(throttle: Throttle) -> None:
    exhaust(throttle, "ann")
    for number in range(MOST_KEYS - 1):
        throttle.admit(f"key {number}")
        if number % 1000 == 0:
            throttle.admit("ann")

    assert throttle.admit("ann") > 0
