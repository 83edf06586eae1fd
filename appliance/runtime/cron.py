"""When a cron expression fires, on the calendar of a time zone: daylight saving neither skips nor doubles a day.

APScheduler's own cron trigger skips a day whose 00:00 does not exist and fires twice where it exists twice
(measured with version 3.11: Havana, Beirut, Cairo), and a daily limit hangs on 00:00.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger

from appliance.config.cron import FIELDS

LONGEST_GAP_DAYS = 8 * 366  # 29 February, across a century year that is not a leap year


class CronTrigger(BaseTrigger):  # type: ignore[misc]
    """An APScheduler trigger for a cron expression of five fields."""

    def __init__(self, expression: str, zone: ZoneInfo) -> None:
        self._expression = expression
        self._zone = zone

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """APScheduler's contract: the first moment after the previous one, or at `now` or later when there was none."""
        if previous_fire_time is None:
            return next_run(self._expression, self._zone, now - timedelta(microseconds=1))
        return next_run(self._expression, self._zone, previous_fire_time)


def next_run(expression: str, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first moment strictly after `after` at which the expression fires, in `zone`; None if it never does.

    A wall time that is skipped fires when the clock has moved on by as much as it skipped; one that comes twice fires
    the first time, but an expression that fires in every hour fires in both.
    """
    first_day = after.astimezone(zone).date()
    for offset in range(LONGEST_GAP_DAYS):
        day = first_day + timedelta(days=offset)
        later = [moment for moment in _moments(expression, zone, day) if moment > after]
        if later:
            return min(later).astimezone(zone)
    return None


def _moments(expression: str, zone: ZoneInfo, day: date) -> Iterator[datetime]:
    minutes, hours, days, months, weekdays = (
        field.values(text) for field, text in zip(FIELDS, expression.split(), strict=True)
    )
    if day.day not in days or day.month not in months or not {day.isoweekday() % 7, day.isoweekday()} & weekdays:
        return
    hourly = len(hours) == 24
    for hour in hours:
        for minute in minutes:
            wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
            first, second = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
            yield first
            if hourly and second > first:  # the clock goes back, and this time comes again
                yield second
