"""/statistics: what happened, by time, sender account, template, tag, key or state, as a chart, a table and a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, url_for

from appliance.db.models.rollup import COUNTERS, Unit
from appliance.db.queries.periods import Span
from appliance.db.queries.report import By, Question, Report, Row, report
from appliance.services import figures_csv
from appliance.web.admin.chart import failed_of, names, partly_of, sent_of
from appliance.web.context import web
from appliance.web.figures import kept

blueprint = Blueprint("statistics", __name__, url_prefix="/statistics")

DAY = timedelta(days=1)
PERIODS = {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY, "12m": 365 * DAY}
USUAL_PERIOD = "7d"
CUSTOM = "custom"
MOST_HOURS = 7 * DAY
"""By the hour, a longer time would be a table that nobody reads."""
YEARS = range(2000, 2200)
MOST_GROUPS = 50
DRAWN_GROUPS = 15


class Grouping(StrEnum):
    HOUR = "hour"
    DAY = "day"
    ACCOUNT = "account"
    TEMPLATE = "template"
    TAG = "tag"
    KEY = "key"
    STATUS = "status"

    @property
    def by(self) -> By | None:
        return By(self.value) if self.value in set(By) else None

    @property
    def by_time(self) -> bool:
        return self in (Grouping.HOUR, Grouping.DAY)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for in the address; what makes no sense there is taken for the usual. Days are whole ones."""

    period: str
    by: Grouping
    first: date | None
    last: date | None

    @classmethod
    def of_request(cls) -> "Choice":
        period, by = request.args.get("period", ""), request.args.get("by", "")
        first, last = _day("since"), _day("until")
        custom = period == CUSTOM and (first is not None or last is not None)
        return cls(
            CUSTOM if custom else period if period in PERIODS else USUAL_PERIOD,
            Grouping(by) if by in set(Grouping) else Grouping.DAY,
            first if custom else None,
            last if custom else None,
        )

    @property
    def arguments(self) -> dict[str, str]:
        """For an address that asks the same."""
        days = {"since": self.first, "until": self.last}
        return {"period": self.period, "by": self.by} | {name: str(day) for name, day in days.items() if day}

    def span(self) -> Span | None:
        """None: there are no figures of that time."""
        since, until = self._since(), _midnight(self.last + DAY) if self.last else None
        if since is not None and until is not None and since >= until:
            return None
        return kept().span(since, until, self._unit(since, until or web().clock()))

    def _since(self) -> datetime | None:
        if self.period == CUSTOM:
            return _midnight(self.first) if self.first else None
        return web().clock() - PERIODS[self.period]

    def _unit(self, since: datetime | None, until: datetime) -> Unit | None:
        """Hours only of a time that is short enough; of groups, whatever answers fast."""
        if self.by is Grouping.HOUR and since is not None and until - since <= MOST_HOURS:
            return Unit.HOUR
        return Unit.DAY if self.by.by_time else None


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it is shown: `name` None is what belongs to no group. `seconds` are the median and the 95 % of it."""

    row: Row
    name: str | None
    label: str
    sent: int
    partly: int
    failed: int
    median: float | None
    slow: float | None


@blueprint.get("")
def index() -> str:
    choice = Choice.of_request()
    span = choice.span()
    found = _report(choice, span) if span is not None else None
    lines = _lines(found, span) if found is not None and span is not None else []
    return render_template(
        "statistics.html",
        choice=choice,
        periods=list(PERIODS),
        groupings=list(Grouping),
        span=span,
        by_hour=span is not None and span.unit is Unit.HOUR,
        found=found,
        lines=lines,
        drawn=lines
        if choice.by.by_time
        else [one for one in lines if one.sent or one.partly or one.failed][:DRAWN_GROUPS],
        most_drawn=DRAWN_GROUPS if not choice.by.by_time else None,
        counters=COUNTERS,
        percentiles=found.totals.percentiles(0.5, 0.95) if found else (None, None),
        hour_days=MOST_HOURS.days,
        csv=url_for(".export") + "?" + urlencode(choice.arguments),
    )


@blueprint.get("/export.csv")
def export() -> Response:
    choice = Choice.of_request()
    span = choice.span()
    name = f"statistics-{choice.by}-{choice.period}.csv"
    return Response(
        _csv(choice, span),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _csv(choice: Choice, span: Span | None) -> Iterator[str]:
    found = _report(choice, span) if span is not None else None
    if found is None:
        return iter(())
    return figures_csv.status_lines(found) if choice.by is Grouping.STATUS else figures_csv.lines(found)


def _report(choice: Choice, span: Span) -> Report:
    question = Question(span, by=choice.by.by, by_time=choice.by.by_time, most_groups=MOST_GROUPS)
    with web().read() as session:
        return report(session, question)


def _lines(found: Report, span: Span) -> Sequence[Line]:
    return [_line(row, span) for row in found.rows]


def _line(row: Row, span: Span) -> Line:
    if row.start is not None:
        label, name = names(row.start, span.unit, web().zone)
    else:
        name = label = (row.label or row.value) if row.value is not None else ""
    ends = (sent_of(row), partly_of(row), failed_of(row))
    return Line(row, name or None, label or "", *ends, *row.figures.percentiles(0.5, 0.95))


def _day(name: str) -> date | None:
    try:
        day = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return day if day.year in YEARS else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=web().zone)
