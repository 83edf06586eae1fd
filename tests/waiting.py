"""Waiting for a named condition, instead of sleeping and hoping."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], timeout: float = 60.0, message: str = "") -> None:
    """Returns once `condition()` is true; fails the test after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(message or f"not true within {timeout} s: {condition}")
        time.sleep(0.005)
