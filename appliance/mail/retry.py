"""When a message is tried again, and how long a failing sender account rests."""

from datetime import datetime, timedelta

from appliance.config.settings import DeliverySettings

LONGEST_WAIT = timedelta(hours=4)
"""Doubling without an end would spend half of `max_age_hours` on one wait; RFC 5321 4.5.4.1 suggests 2-3 hours."""


def next_due(attempts: int, now: datetime, created_at: datetime, settings: DeliverySettings) -> datetime | None:
    """When to try again after the `attempts`-th temporary failure (1 is the first); None: give up.

    `created_at` is when the message first became due: its age counts from there. A wait that would pass the age limit
    ends at the limit, so that the last try uses all the time the message has; what fails at the limit is over.
    """
    limit = created_at + timedelta(hours=settings.max_age_hours)
    if attempts >= settings.max_attempts or now >= limit:
        return None
    return min(now + _wait(attempts, settings.retry_seconds), limit)


def breaker_rest(failures: int, settings: DeliverySettings) -> timedelta:
    """How long a sender account rests after `failures` in a row: doubling, up to the longest rest configured."""
    longest = settings.breaker_max_seconds
    return timedelta(seconds=min(_doubled(settings.breaker_seconds, failures - 1), longest))


def _wait(attempts: int, ladder: tuple[int, ...]) -> timedelta:
    """A ladder that climbs higher than `LONGEST_WAIT` was a person's choice and is kept."""
    if attempts <= len(ladder):
        return timedelta(seconds=ladder[max(attempts, 1) - 1])
    longest = max(LONGEST_WAIT.total_seconds(), ladder[-1])
    return timedelta(seconds=min(_doubled(ladder[-1], attempts - len(ladder)), longest))


def _doubled(seconds: float, times: int) -> float:
    return seconds * 2.0 ** min(max(times, 0), 64)
