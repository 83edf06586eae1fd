"""The grammar of a cron expression: minute, hour, day of month, month, day of week.

As in crontab(5), with one difference that the scheduler makes: where day of month and day of week are both
restricted, both must match.
"""

import re
from dataclasses import dataclass

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_PART = re.compile(r"(?:(?P<all>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d{1,4}))?", re.ASCII)


@dataclass(frozen=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> set[int]:
        """The numbers that `text` stands for. Raises ValueError."""
        return {number for part in text.split(",") for number in self._range(part)}

    def _range(self, part: str) -> range:
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{self.name} {part!r} is not a number, a range such as 1-5, or *")
        if match["step"] and match["first"] and not match["last"]:
            raise ValueError(f"{self.name} {part!r} has a step without a range")
        first = self.lowest if match["all"] else self._number(match["first"])
        last = self.highest if match["all"] else self._number(match["last"] or match["first"])
        step = int(match["step"] or 1)
        if last < first or step == 0:
            raise ValueError(f"{self.name} {part!r} is an empty range")
        return range(first, last + 1, step)

    def _number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.lowest
        if not text.isdecimal() or not self.lowest <= int(text) <= self.highest:
            raise ValueError(f"{self.name} {text!r} is not one of {self.lowest} to {self.highest}")
        return int(text)


FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, MONTHS),
    _Field("day of week", 0, 7, WEEKDAYS),  # 0 and 7 are both Sunday
)


def normalized(expression: str) -> str:
    """The expression with single spaces, and its days of the week as names: programs number them differently.

    Raises:
        ValueError: it is none, or no day ever matches it; the text says which field is wrong.
    """
    fields = expression.lower().split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"a cron expression has five fields, this one has {len(fields)}")
    _minutes, _hours, days, months, weekdays = (field.values(text) for field, text in zip(FIELDS, fields, strict=True))
    if min(days) > max(DAYS_IN_MONTH[month - 1] for month in months):
        raise ValueError("no month that it names has such a day")
    return " ".join((*fields[:4], _weekday_names(weekdays)))


def _weekday_names(numbers: set[int]) -> str:
    days = sorted({number % 7 for number in numbers})
    return "*" if len(days) == len(WEEKDAYS) else ",".join(WEEKDAYS[day] for day in days)
