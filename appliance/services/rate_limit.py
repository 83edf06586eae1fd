"""Counts requests in memory: so many at once, and from then on so many a minute.

It is a token bucket, kept as the one moment at which it would be full (the generic cell rate algorithm). A restart
fills every bucket: more is not lost.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MINUTE = 60.0
MOST_KEYS = 10_000  # an attacker with many addresses must not fill the memory
_ALMOST = 1e-6  # of a request: what sums of seconds lose in floating point


@dataclass(frozen=True, slots=True)
class Rate:
    """How a bucket stands after a request. `wait`: seconds until the next one is taken; 0.0: this one was.

    `full_in`: seconds until as many as `limit` can come at once again.
    """

    limit: int
    remaining: int
    full_in: float
    wait: float


class RateLimit:
    """`timer` counts seconds and never goes back."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._lock = threading.Lock()
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, per_minute: int) -> Rate:
        """Counts one request, unless it is one too many."""
        return self._look(key, per_minute, 1)

    def look(self, key: str, per_minute: int) -> Rate:
        """How it stands, without counting anything; `wait` is what the next request would have to."""
        return self._look(key, per_minute, 0)

    def _look(self, key: str, per_minute: int, requests: int) -> Rate:
        each, now = MINUTE / per_minute, self._timer()
        with self._lock:
            full_in = max(0.0, self._full_at.get(key, now) - now)
            wait = full_in + each - MINUTE
            if wait <= _ALMOST * each:
                wait = 0.0
                if requests:
                    full_in += each
                    self._keep(key, now + full_in)
        remaining = max(0, math.floor((MINUTE - full_in) / each + _ALMOST))
        return Rate(per_minute, remaining, full_in, wait)

    def _keep(self, key: str, full_at: float) -> None:
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > MOST_KEYS:
            self._full_at.popitem(last=False)
