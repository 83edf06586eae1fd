"""Slows down guessing: after a few tries each further one must wait, longer each time, but never for ever."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE_TRIES = 5
LONGEST_WAIT = 60.0  # seconds: whoever forgot a password is not locked out by somebody who guesses at it
FORGOTTEN_AFTER = 900.0
MOST_KEYS = 10_000  # an attacker with many addresses must not fill the memory


@dataclass(slots=True)
class _Tries:
    count: int
    last_at: float


class Throttle:
    """Counts tries, not failures, so that many at once do not slip through before the first has failed.

    `timer` counts seconds and never goes back.
    """

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def admit(self, key: str) -> float:
        """0.0: go on, and the try is counted. Otherwise the seconds to wait before the next one."""
        now = self._timer()
        with self._lock:
            tries = self._recent(key, now)
            wait = tries.last_at + _pause(tries.count) - now
            if wait > 0:
                return wait
            tries.count += 1
            tries.last_at = now
            return 0.0

    def forget(self, key: str) -> None:
        """A try was right: the next mistake counts from the beginning."""
        with self._lock:
            self._tries.pop(key, None)

    def _recent(self, key: str, now: float) -> _Tries:
        tries = self._tries.get(key)
        if tries is None or now - tries.last_at > FORGOTTEN_AFTER:
            tries = self._tries[key] = _Tries(0, now)
        self._tries.move_to_end(key)
        if len(self._tries) > MOST_KEYS:
            self._tries.popitem(last=False)
        return tries


def _pause(tries: int) -> float:
    if tries < FREE_TRIES:
        return 0.0
    return float(min(2.0 ** min(tries - FREE_TRIES, 16), LONGEST_WAIT))
