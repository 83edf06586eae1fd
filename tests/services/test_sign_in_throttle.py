"""Guessing gets slow whichever way it comes, and whoever was here before comes in all the same."""

import pytest

from appliance.services.sign_in_throttle import FAILURES_OF_ADDRESS, FAILURES_OF_NAME, SignInThrottle
from appliance.services.throttle import FREE_TRIES, LONGEST_WAIT
from tests.fakes import FakeTimer


@pytest.fixture
def timer() -> FakeTimer:
    return FakeTimer()


@pytest.fixture
def throttle(timer: FakeTimer) -> SignInThrottle:
    return SignInThrottle(timer)


def fail(throttle: SignInThrottle, network: str, name: str) -> float:
    wait = throttle.admit(network, name)
    if not wait:
        throttle.refused(network, name)
    return wait


def test_one_guesser_at_one_name_waits(throttle: SignInThrottle) -> None:
    assert [fail(throttle, "192.0.2.1", "ann") for _ in range(FREE_TRIES)] == [0.0] * FREE_TRIES

    assert throttle.admit("192.0.2.1", " ANN ") > 0
    assert throttle.admit("192.0.2.2", "ann") == 0


def test_one_address_with_ever_new_names_waits(throttle: SignInThrottle) -> None:
    for number in range(FAILURES_OF_ADDRESS):
        assert fail(throttle, "192.0.2.1", f"name {number}") == 0

    assert throttle.admit("192.0.2.1", "yet another") > 0
    assert throttle.admit("192.0.2.2", "yet another") == 0


def test_many_addresses_at_one_name_wait(throttle: SignInThrottle) -> None:
    for number in range(FAILURES_OF_NAME):
        assert fail(throttle, f"192.0.2.{number}", "ann") == 0

    assert throttle.admit("198.51.100.1", "ann") > 0
    assert throttle.admit("198.51.100.1", "bob") == 0


def test_who_was_here_before_does_not_wait_for_them(throttle: SignInThrottle) -> None:
    for number in range(FAILURES_OF_NAME):
        fail(throttle, f"192.0.2.{number}", "ann")

    assert throttle.admit("198.51.100.1", "ann", "the browser of ann") == 0


def test_a_known_browser_is_no_way_to_guess_fast(throttle: SignInThrottle) -> None:
    waits = [throttle.admit(f"192.0.2.{number}", "ann", "stolen") for number in range(FREE_TRIES + 1)]

    assert waits[-1] > 0


def test_nobody_waits_longer_than_a_minute(throttle: SignInThrottle, timer: FakeTimer) -> None:
    for _ in range(200):
        fail(throttle, "192.0.2.1", "ann")
        throttle.admit_code("192.0.2.1", "usr_ann")
        timer.seconds += 1

    assert 0 < throttle.admit("192.0.2.1", "ann") <= LONGEST_WAIT
    assert 0 < throttle.admit_code("192.0.2.1", "usr_ann") <= LONGEST_WAIT


def test_codes_are_guessed_by_all_addresses_together(throttle: SignInThrottle) -> None:
    for number in range(FREE_TRIES):
        assert throttle.admit_code(f"192.0.2.{number}", "usr_ann") == 0

    assert throttle.admit_code("198.51.100.1", "usr_ann") > 0
    assert throttle.admit_code("198.51.100.1", "usr_ann", "the browser of ann") == 0


def test_a_right_one_is_a_new_beginning(throttle: SignInThrottle) -> None:
    for _ in range(FREE_TRIES):
        throttle.admit("192.0.2.1", "ann")
        throttle.admit_code("192.0.2.1", "usr_ann")

    throttle.accepted("192.0.2.1", "ann")
    throttle.accepted_code("usr_ann")

    assert throttle.admit("192.0.2.1", "ann") == 0
    assert throttle.admit_code("192.0.2.1", "usr_ann") == 0
