"""Which rollups answer for a stretch of time: whole hours or whole days, and whole months where that is quicker."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from appliance.db.models.rollup import Unit

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
FINE = timedelta(days=3)
"""Up to this, figures of a stretch are added up from hours; beyond, its ends are widened to whole days."""

Piece = tuple[Unit, str, str]  # of this unit, from the first period to the last


@dataclass(frozen=True)
class Span:
    """The hours, or the days of `zone`, that hold whatever lies at or after `since` and before `until`."""

    unit: Unit
    since: datetime
    until: datetime
    zone: ZoneInfo
    to_present: bool = False
    """Nothing has happened after it, so the month that it ends in is as good as whole."""

    @cached_property
    def starts(self) -> dict[str, datetime]:
        """When each of its periods begins, in UTC, by the name of the period; the oldest first."""
        return dict(self._hours() if self.unit is Unit.HOUR else self._days())

    @property
    def begin(self) -> datetime:
        return next(iter(self.starts.values()))

    @property
    def end(self) -> datetime:
        last = next(reversed(self.starts))
        return (
            self.starts[last] + HOUR if self.unit is Unit.HOUR else _midnight(date.fromisoformat(last) + DAY, self.zone)
        )

    @property
    def whole(self) -> Piece:
        """One piece, for who wants each period."""
        return self.unit, next(iter(self.starts)), next(reversed(self.starts))

    def pieces(self) -> list[Piece]:
        """Few rollups that come to the same sum: months, and the days that are left at both ends."""
        unit, first, last = self.whole
        if unit is Unit.HOUR:
            return [self.whole]
        begin, end = date.fromisoformat(first), date.fromisoformat(last) + DAY
        head = begin if begin.day == 1 else _next_month(begin)
        tail = end if self.to_present and end > head else end.replace(day=1)
        if tail <= head:
            return [self.whole]
        days = [(Unit.DAY, begin, head - DAY), (Unit.DAY, tail, end - DAY)]
        edges = [(unit, str(start), str(stop)) for unit, start, stop in days if start <= stop]
        return [(Unit.MONTH, str(head)[:7], str(tail - DAY)[:7]), *edges]

    def _hours(self) -> Iterator[tuple[str, datetime]]:
        start = self.since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        while start < self.until:
            yield Unit.HOUR.period(start, self.zone), start
            start += HOUR

    def _days(self) -> Iterator[tuple[str, datetime]]:
        day = self.since.astimezone(self.zone).date()
        while (start := _midnight(day, self.zone)) < self.until:
            yield day.isoformat(), start
            day += DAY


@dataclass(frozen=True, slots=True)
class Kept:
    """What is there to answer from: the moment, and for how many days hours and days are kept."""

    now: datetime
    hour_days: int
    day_days: int
    zone: ZoneInfo

    def span(self, since: datetime | None, until: datetime | None, wanted: Unit | None) -> Span | None:
        """In hours when `wanted`, and when nothing is wanted and they answer fast, as long as there are hours.

        Without `until` it goes on to the present moment; without `since`, 24 hours or else 30 days back. What lies in
        the future, or was removed for its age, is left out. None: nothing is left.
        """
        end = min(until or self.now + MOMENT, self.now + MOMENT)
        oldest = self.now - timedelta(days=self.day_days)
        if end <= oldest:
            return None
        since = max(self._back(end, wanted) if since is None else since, oldest)
        by_hour = wanted is Unit.HOUR or (wanted is None and end - since <= FINE + MOMENT)
        unit = Unit.HOUR if by_hour and since >= self.now - timedelta(days=self.hour_days) else Unit.DAY
        return Span(unit, since, end, self.zone, to_present=end > self.now) if since < end else None

    def _back(self, end: datetime, wanted: Unit | None) -> datetime:
        if wanted is Unit.HOUR:
            return end - MOMENT - 23 * HOUR
        last = (end - MOMENT).astimezone(self.zone).date()  # by the calendar: a day has 23 to 25 hours
        return _midnight(last - 29 * DAY, self.zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """When `day` begins; where daylight saving skips 00:00, at the first moment that exists."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
