"""Figures as CSV (RFC 4180), for a spreadsheet that runs nothing of it: a name may have been chosen by anybody."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from appliance.db.models.rollup import COUNTERS
from appliance.db.queries.report import Report, Row
from appliance.services.suppression_csv import shielded

COLUMNS = ("start", "group", "label", *COUNTERS, "success_rate", "seconds_p50", "seconds_p95")
STATUS_COLUMNS = ("status", "count")


def lines(report: Report) -> Iterator[str]:
    """A line for each row; seconds only where they were asked for. Numbers as programs write them."""
    yield _line(COLUMNS)
    for row in report.rows:
        yield _line((_moment(row.start), shielded(row.value or ""), shielded(row.label or ""), *_figures(row)))


def status_lines(report: Report) -> Iterator[str]:
    """How often messages came to each state."""
    yield _line(STATUS_COLUMNS)
    for name in COUNTERS:
        yield _line((name, report.totals.of(name)))


def _figures(row: Row) -> tuple[object, ...]:
    rate = row.figures.success_rate
    times = (None if one is None else float(f"{one:.3g}") for one in row.figures.percentiles(0.5, 0.95))
    return (*row.figures.counts, None if rate is None else round(rate, 4), *times)


def _moment(value: datetime | None) -> str:
    return "" if value is None else value.isoformat().replace("+00:00", "Z")


def _line(cells: tuple[object, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
