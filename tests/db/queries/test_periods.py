"""Spans are whole periods without holes, and their pieces cover the same days once."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.clock import local_date
from appliance.db.models.rollup import Unit
from appliance.db.queries.periods import DAY, MOMENT, Kept, Piece, Span
from tests.fakes import NOON

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "America/Santiago"]).map(ZoneInfo)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))
LENGTHS = st.timedeltas(timedelta(microseconds=1), timedelta(days=400))


def kept(zone: ZoneInfo = BERLIN) -> Kept:
    return Kept(NOON, 35, 1100, zone)


def days_of(piece: Piece) -> list[date]:
    unit, first, last = piece
    if unit is Unit.MONTH:
        begin, end = date.fromisoformat(f"{first}-01"), date.fromisoformat(f"{last}-28")
        while (end + DAY).month == date.fromisoformat(f"{last}-01").month:
            end += DAY
    else:
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return [begin + DAY * number for number in range((end - begin).days + 1)]


@given(MOMENTS, LENGTHS, ZONES)
def test_days_follow_each_other_and_hold_both_ends(since: datetime, length: timedelta, zone: ZoneInfo) -> None:
    span = Span(Unit.DAY, since, since + length, zone)

    starts = list(span.starts.values())
    assert span.begin <= since
    assert span.end >= since + length
    assert all(timedelta(hours=22) < later - earlier < timedelta(hours=26) for earlier, later in pairwise(starts))
    assert [local_date(start, zone) for start in starts] == list(span.starts)
    assert local_date(since + length - MOMENT, zone) == list(span.starts)[-1]


@given(MOMENTS, LENGTHS, ZONES)
def test_pieces_hold_each_day_once(since: datetime, length: timedelta, zone: ZoneInfo) -> None:
    span = Span(Unit.DAY, since, since + length, zone)

    days = sorted(day for piece in span.pieces() for day in days_of(piece))

    assert [day.isoformat() for day in days] == list(span.starts)


def test_whole_months_are_read_as_months() -> None:
    span = Span(Unit.DAY, datetime(2026, 1, 30, 12, tzinfo=UTC), datetime(2026, 4, 2, 12, tzinfo=UTC), BERLIN)

    assert span.pieces() == [
        (Unit.MONTH, "2026-02", "2026-03"),
        (Unit.DAY, "2026-01-30", "2026-01-31"),
        (Unit.DAY, "2026-04-01", "2026-04-02"),
    ]


def test_the_present_month_is_read_as_a_month() -> None:
    spans = [kept().span(datetime(2026, 1, 15, tzinfo=UTC), until, Unit.DAY) for until in (None, NOON - DAY)]

    assert [span.pieces()[0] for span in spans if span is not None] == [
        (Unit.MONTH, "2026-02", "2026-03"),
        (Unit.MONTH, "2026-02", "2026-02"),
    ]
    assert [sum(unit is Unit.DAY for unit, _, _ in span.pieces()) for span in spans if span is not None] == [1, 2]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-24", 24)])
def test_days_are_as_long_as_daylight_saving_makes_them(day: str, hours: int) -> None:
    noon = datetime.fromisoformat(f"{day}T12:00Z")

    span = Span(Unit.DAY, noon, noon + MOMENT, BERLIN)

    assert list(span.starts) == [day]
    assert span.end - span.begin == timedelta(hours=hours)


def test_hours_are_those_of_utc() -> None:
    since = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)

    span = Span(Unit.HOUR, since, since + timedelta(hours=1), ZoneInfo("Asia/Kolkata"))

    assert list(span.starts) == ["2026-03-10T09", "2026-03-10T10"]
    assert (span.begin.minute, span.end) == (0, datetime(2026, 3, 10, 11, tzinfo=UTC))


def test_left_out_it_is_24_hours_or_30_days_with_the_present_one() -> None:
    hours, days, neither = (kept().span(None, None, unit) for unit in (Unit.HOUR, Unit.DAY, None))

    assert hours is not None
    assert days is not None
    assert (len(hours.starts), hours.whole[2]) == (24, "2026-03-10T12")
    assert (len(days.starts), days.whole[2]) == (30, "2026-03-10")
    assert neither == days


@pytest.mark.parametrize(
    ("back", "wanted", "unit"),
    [
        (timedelta(days=34), Unit.HOUR, Unit.HOUR),
        (timedelta(days=36), Unit.HOUR, Unit.DAY),  # the hours of then are gone
        (timedelta(hours=2), Unit.DAY, Unit.DAY),
        (timedelta(days=3), None, Unit.HOUR),
        (timedelta(days=4), None, Unit.DAY),
    ],
)
def test_hours_answer_while_they_are_kept(back: timedelta, wanted: Unit | None, unit: Unit) -> None:
    span = kept().span(NOON - back, None, wanted)

    assert span is not None
    assert span.unit is unit


def test_what_is_not_kept_or_not_yet_is_left_out() -> None:
    span = kept(ZoneInfo("UTC")).span(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), None)

    assert span is not None
    assert (len(span.starts), span.whole[2]) == (1101, "2026-03-10")


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (NOON + timedelta(seconds=1), None),
        (None, datetime(1, 1, 1, tzinfo=UTC)),
        (datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)),
        (NOON, NOON),
    ],
)
def test_where_nothing_is_left_there_is_no_span(since: datetime | None, until: datetime | None) -> None:
    assert kept().span(since, until, Unit.DAY) is None
