"""What a chart is drawn from."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from flask import Flask

from appliance.db.models import AccountDay
from appliance.db.models.rollup import COUNTERS, Unit
from appliance.db.queries.report import Report, Row
from appliance.db.queries.statistics import NOTHING, Figures
from appliance.web.admin.chart import account_course, course
from tests.fakes import NOON

BERLIN = ZoneInfo("Europe/Berlin")


def row(hour: int, **counts: int) -> Row:
    return Row(Figures(tuple(counts.get(name, 0) for name in COUNTERS)), NOON + timedelta(hours=hour))


def test_partially_sent_messages_are_counted_apart_from_those_that_failed(app: Flask) -> None:
    rows = [row(0), row(1, sent=9, failed=1), row(2, partially_sent=5, accepted=5)]

    with app.test_request_context():
        drawn = course(Report(sum((one.figures for one in rows), NOTHING), rows), Unit.HOUR, BERLIN)

    assert [(point.sent, point.partly, point.failed) for point in drawn.points] == [(0, 0, 0), (9, 0, 1), (0, 5, 0)]
    assert (drawn.accepted, drawn.sent, drawn.partly, drawn.failed, drawn.success_rate) == (5, 9, 5, 1, 0.6)


def test_hours_and_days_are_named_in_the_zone_of_the_appliance(app: Flask) -> None:
    report = Report(NOTHING, [row(11)])  # 23:00 UTC, which is the next day in Berlin

    with app.test_request_context():
        hour, day = course(report, Unit.HOUR, BERLIN).points[0], course(report, Unit.DAY, BERLIN).points[0]

    assert (hour.label, hour.title) == ("00:00", "2026-03-11 00:00")
    assert (day.label, day.title) == ("Mar 11", "2026-03-11")


def test_days_are_named_in_the_language_of_the_page(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "zh-CN"}):
        assert account_course([], date(2026, 3, 10), 0)[-1].label == "3月10日"


def test_the_history_of_an_account_has_no_holes_and_ends_today(app: Flask) -> None:
    days = [AccountDay(account_id="acc_1", day="2026-03-08", sent=70)]

    with app.test_request_context():
        points = account_course(days, date(2026, 3, 10), 4, length=4)

    assert [(point.title, point.sent) for point in points] == [
        ("2026-03-07", 0),
        ("2026-03-08", 70),
        ("2026-03-09", 0),
        ("2026-03-10", 4),
    ]
