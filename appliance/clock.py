"""The one place that asks what time it is, so that a test can answer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]
"""Returns the present moment as an aware datetime in UTC."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def local_date(moment: datetime, zone: ZoneInfo) -> str:
    """The calendar day of `moment` in `zone`, as ISO 8601 (`2026-11-24`)."""
    return moment.astimezone(zone).date().isoformat()


def next_midnight(moment: datetime, zone: ZoneInfo) -> datetime:
    """The start of the next calendar day in `zone`, in UTC.

    Where daylight saving skips 00:00, the day starts at the first moment that exists, which is
    what PEP 495 arithmetic through UTC yields.
    """
    tomorrow = moment.astimezone(zone).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).astimezone(UTC)
