"""How often a cron expression fires, in the few patterns that have words; templates/schedule_words.html has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from babel.dates import get_day_names
from flask_babel import get_locale

from appliance.config.cron import FIELDS

MOST_TIMES = 4  # more are no longer read, but counted


class Pattern(StrEnum):
    EVERY_MINUTES = "every_minutes"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`step`: minutes between two runs, or the minute of the hour. `times` as `03:30`; `days` of the month or week."""

    pattern: Pattern
    step: int = 0
    times: Sequence[str] = ()
    days: Sequence[str] = ()


def rhythm(expression: str) -> Rhythm:
    """Of a cron expression of five fields that is right, as those of the configuration are."""
    fields = expression.split()
    minutes, hours, days, months, weekdays = (
        sorted(field.values(text)) for field, text in zip(FIELDS, fields, strict=True)
    )
    every_day, every_weekday = len(days) == 31, len({day % 7 for day in weekdays}) == 7
    if len(months) < 12 or not (every_day or every_weekday):
        return Rhythm(Pattern.OTHER)
    if len(hours) == 24 and every_day and every_weekday:
        return _within_the_hour(minutes)
    times = [f"{hour:02d}:{minute:02d}" for hour in hours for minute in minutes]
    if len(times) > MOST_TIMES:
        return Rhythm(Pattern.OTHER)
    if not every_weekday:
        return Rhythm(Pattern.WEEKLY, times=times, days=_names(weekdays))
    return Rhythm(Pattern.DAILY if every_day else Pattern.MONTHLY, times=times, days=[str(day) for day in days])


def _within_the_hour(minutes: Sequence[int]) -> Rhythm:
    if len(minutes) == 1:
        return Rhythm(Pattern.HOURLY, step=minutes[0])
    step = minutes[1] - minutes[0]
    evenly = list(minutes) == list(range(0, 60, step)) and 60 % step == 0
    return Rhythm(Pattern.EVERY_MINUTES, step=step) if evenly else Rhythm(Pattern.OTHER)


def _names(weekdays: Sequence[int]) -> list[str]:
    """In the language of the page, Monday first. Cron counts from Sunday, the names from Monday."""
    names = get_day_names("wide", locale=get_locale() or "en")
    return [str(names[day]) for day in sorted({(day - 1) % 7 for day in weekdays})]
