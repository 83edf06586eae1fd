"""Rows since a moment, or until one, found by their ids, which sort by time. It spares an index on a moment.

An id is of the same moment as its row unless the clock was wrong, so a day is left on either side: the moment itself is
to be asked of each row as well.
"""

from datetime import UTC, datetime, timedelta

from appliance.db.types import id_at

CLOCK_ERROR = timedelta(days=1)
_FIRST, _LAST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)  # between them there is room for it


def lower(prefix: str, since: datetime) -> str:
    """What came to be at or after `since` has a greater id."""
    return id_at(prefix, _within(since) - CLOCK_ERROR)


def upper(prefix: str, until: datetime) -> str:
    """What came to be before `until` has a lesser id."""
    return id_at(prefix, _within(until) + CLOCK_ERROR)


def _within(moment: datetime) -> datetime:
    return min(max(moment, _FIRST), _LAST)
