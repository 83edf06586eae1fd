"""A bar for each hour: how much was sent, and on top of it how much was not. Drawn here, so it needs no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from appliance.db.queries.report import Report, Row

HEIGHT = 100.0
LEAST = 2.0
"""What is there is seen, however small it is beside the rest."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Heights are parts of HEIGHT."""

    start: datetime
    sent: int
    failed: int
    sent_height: float
    failed_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    bars: Sequence[Bar]
    accepted: int
    sent: int
    failed: int
    success_rate: float | None
    median: float | None
    slow: float | None

    @property
    def width(self) -> int:
        return len(self.bars)


def chart(report: Report) -> Chart:
    """Of a report by time. Partially sent messages are with those that failed: somebody did not get them."""
    most = max((_sent(row) + _failed(row) for row in report.rows), default=0)
    totals = Row(report.totals)
    median, slow = report.totals.percentiles(0.5, 0.95)
    return Chart(
        [_bar(row, most) for row in report.rows if row.start is not None],
        report.totals.of("accepted"),
        _sent(totals),
        _failed(totals),
        report.totals.success_rate,
        median,
        slow,
    )


def _bar(row: Row, most: int) -> Bar:
    assert row.start is not None
    sent, failed = _sent(row), _failed(row)
    return Bar(row.start, sent, failed, _height(sent, most), _height(failed, most))


def _height(count: int, most: int) -> float:
    return max(LEAST, round(count / most * (HEIGHT - LEAST), 2)) if count else 0.0


def _sent(row: Row) -> int:
    return row.figures.of("sent")


def _failed(row: Row) -> int:
    return row.figures.of("failed") + row.figures.of("partially_sent")
