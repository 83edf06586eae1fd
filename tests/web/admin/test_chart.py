from datetime import timedelta

from appliance.db.models.rollup import COUNTERS
from appliance.db.queries.report import Report, Row
from appliance.db.queries.statistics import NOTHING, Figures
from appliance.web.admin.chart import HEIGHT, LEAST, chart
from tests.fakes import NOON


def row(hour: int, **counts: int) -> Row:
    return Row(Figures(tuple(counts.get(name, 0) for name in COUNTERS)), NOON + timedelta(hours=hour))


def test_the_highest_bar_fills_the_chart_and_the_smallest_is_seen() -> None:
    rows = [row(0), row(1, sent=9_999, failed=1), row(2, sent=1), row(3, partially_sent=5_000)]

    drawn = chart(Report(sum((one.figures for one in rows), NOTHING), rows))

    empty, full, small, half = drawn.bars
    assert (empty.sent_height, empty.failed_height) == (0, 0)
    assert HEIGHT - LEAST <= full.sent_height + full.failed_height <= HEIGHT
    assert full.failed_height == small.sent_height == LEAST
    assert half.failed_height == (HEIGHT - LEAST) / 2
    assert (drawn.sent, drawn.failed, drawn.width) == (10_000, 5_001, 4)


def test_a_chart_of_nothing_can_be_drawn() -> None:
    drawn = chart(Report(NOTHING, [row(0)]))

    assert [(bar.sent_height, bar.failed_height) for bar in drawn.bars] == [(0, 0)]
    assert drawn.success_rate is None
