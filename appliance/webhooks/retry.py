"""When a webhook that was not accepted is tried again, and how long an endpoint that accepts nothing is left alone."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

JITTER = 0.1  # of a wait, taken off it, so that what failed together does not come back together
PATIENCE = 2  # failures in a row that say nothing of the endpoint yet
SHORTEST_REST = 5.0  # seconds
LONGEST_REST = 300.0


def next_due(
    tries: int, now: datetime, waits: Sequence[int], rng: Callable[[], float] = random.random
) -> datetime | None:
    """When to try again after the `tries`-th failure (1 is the first); None: give up. `waits` are seconds."""
    if tries > len(waits):
        return None
    return now + timedelta(seconds=waits[tries - 1] * (1 - JITTER * rng()))


def rest(failures: int) -> timedelta:
    """How long an endpoint is left alone after so many failures in a row: doubling, up to five minutes.

    Without it, a backlog for an endpoint that is down would knock at its door as fast as it can.
    """
    if failures <= PATIENCE:
        return timedelta(0)
    return timedelta(seconds=min(SHORTEST_REST * 2.0 ** min(failures - PATIENCE - 1, 16), LONGEST_REST))
