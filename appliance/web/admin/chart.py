"""Figures as a chart shows them: a point for each hour or day, with the names that the axis and the pointer give it.

They are drawn in the browser (static/js/charts.js); for those without a script they stand in a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from flask_babel import get_locale

from appliance.db.models import AccountDay
from appliance.db.models.rollup import Unit
from appliance.db.queries.report import Report, Row


@dataclass(frozen=True, slots=True)
class Point:
    """`label` is short, for the axis; `title` leaves no doubt."""

    label: str
    title: str
    sent: int
    partly: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Course:
    """How a stretch of time went; seconds are those from when a message was to go to when it was sent.

    `partly`: messages that some of their recipients did not get; `failed`: that nobody got.
    """

    points: Sequence[Point]
    accepted: int
    sent: int
    partly: int
    failed: int
    success_rate: float | None
    median: float | None
    slow: float | None


def course(report: Report, unit: Unit, zone: ZoneInfo) -> Course:
    """Of a report by time."""
    totals = Row(report.totals)
    median, slow = report.totals.percentiles(0.5, 0.95)
    return Course(
        [
            Point(*names(row.start, unit, zone), sent_of(row), partly_of(row), failed_of(row))
            for row in report.rows
            if row.start is not None
        ],
        report.totals.of("accepted"),
        sent_of(totals),
        partly_of(totals),
        failed_of(totals),
        report.totals.success_rate,
        median,
        slow,
    )


def account_course(days: Sequence[AccountDay], today: date, sent_today: int, *, length: int = 31) -> list[Point]:
    """The last `length` days of a sender account, today last; a day of which nothing is known has nothing sent."""
    sent = {one.day: one.sent for one in days} | {today.isoformat(): sent_today}
    shown = [date.fromordinal(today.toordinal() - back) for back in range(length - 1, -1, -1)]
    return [Point(day_label(day), day.isoformat(), sent.get(day.isoformat(), 0)) for day in shown]


def names(start: datetime, unit: Unit, zone: ZoneInfo) -> tuple[str, str]:
    """Label and title of the hour or day that begins at `start`."""
    local = start.astimezone(zone)
    if unit is Unit.HOUR:
        return f"{local:%H:%M}", f"{local:%Y-%m-%d %H:%M}"
    return day_label(local.date()), f"{local:%Y-%m-%d}"


def day_label(day: date) -> str:
    """Month and day, as the language of the page has them."""
    return str(format_skeleton("MMMd", day, locale=get_locale() or "en"))


def sent_of(row: Row) -> int:
    return row.figures.of("sent")


def partly_of(row: Row) -> int:
    return row.figures.of("partially_sent")


def failed_of(row: Row) -> int:
    return row.figures.of("failed")
