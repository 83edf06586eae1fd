"""When a webhook that was not accepted is tried again, and how long an endpoint that accepts nothing is left alone."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

JITTER = 0.1  # of a wait, taken off it, so that what failed together does not come back together
PATIENCE = 2  # failures in a row that say nothing of the endpoint yet
SHORTEST_REST = 5.0  # seconds
LONGEST_REST = 300.0
LONGEST_ASKED = timedelta(hours=24)


def next_due(
    tries: int, now: datetime, waits: Sequence[int], rng: Callable[[], float] = random.random
) -> datetime | None:
    """When to try again after the `tries`-th failure (1 is the first); None: give up. `waits` are seconds."""
    if tries > len(waits):
        return None
    return now + timedelta(seconds=waits[tries - 1] * (1 - JITTER * rng()))


def asked(retry_after: str, now: datetime) -> timedelta:
    """How long a receiver wants to be left alone: its Retry-After (RFC 9110 section 10.2.3), seconds or a moment.

    Not at all where there is none or it makes no sense, and never longer than a day.
    """
    if retry_after.isascii() and retry_after.isdecimal():
        seconds = int(retry_after[:9]) if len(retry_after) < 10 else LONGEST_ASKED.total_seconds()
        return min(timedelta(seconds=seconds), LONGEST_ASKED)
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return timedelta(0)
    return min(max(until.replace(tzinfo=until.tzinfo or UTC) - now, timedelta(0)), LONGEST_ASKED)


def rest(failures: int) -> timedelta:
    """How long an endpoint is left alone after so many failures in a row: doubling, up to five minutes.

    Without it, a backlog for an endpoint that is down would knock at its door as fast as it can.
    """
    if failures <= PATIENCE:
        return timedelta(0)
    return timedelta(seconds=min(SHORTEST_REST * 2.0 ** min(failures - PATIENCE - 1, 16), LONGEST_REST))
