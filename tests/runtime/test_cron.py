"""When cron expressions fire, above all on the days on which the clock jumps."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.runtime.cron import CronTrigger, next_run

DAILY = "0 0 * * *"
HOURLY = "0 * * * *"

# zones whose clocks jump at midnight, so that 00:00 is skipped or comes twice; and quiet ones
ZONES = [
    "Europe/Berlin",
    "America/Havana",
    "Asia/Beirut",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "UTC",
]
zones = st.sampled_from(ZONES).map(ZoneInfo)
moments = st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


def runs(expression: str, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
    """As APScheduler asks for them: each from the one before."""
    trigger = CronTrigger(expression, zone)
    moment = trigger.get_next_fire_time(None, since)
    while moment is not None and moment < until:
        yield moment
        moment = trigger.get_next_fire_time(moment, moment)


def days_that_exist(zone: ZoneInfo, since: datetime, until: datetime) -> list[date]:
    """By asking the calendar every hour, and nothing else."""
    hours = int((until - since) / timedelta(hours=1))
    seen = dict.fromkeys((since + timedelta(hours=hour)).astimezone(zone).date() for hour in range(hours))
    return list(seen)


@pytest.mark.parametrize("name", ZONES)
def test_daily_reset_neither_skips_nor_doubles_a_day_over_years(name: str) -> None:
    zone = ZoneInfo(name)
    since = datetime(2008, 1, 1, tzinfo=zone).astimezone(UTC)
    until = datetime(2027, 1, 1, tzinfo=zone).astimezone(UTC)

    fired = [moment.astimezone(zone).date() for moment in runs(DAILY, zone, since, until)]

    assert fired == days_that_exist(zone, since, until)


@settings(deadline=None)
@given(zones, moments)
def test_daily_reset_is_the_first_moment_of_the_day(zone: ZoneInfo, after: datetime) -> None:
    run = next_run(DAILY, zone, after)

    assert run is not None
    a_moment_before = (run.astimezone(UTC) - timedelta(microseconds=1)).astimezone(zone)
    assert a_moment_before.date() < run.date()


@settings(deadline=None)
@given(zones, moments, st.sampled_from([DAILY, HOURLY, "30 2 * * *", "*/20 1,2 * * *", "15 23 * * 6", "0 0 1 * *"]))
def test_runs_only_move_forward(zone: ZoneInfo, after: datetime, expression: str) -> None:
    first = next_run(expression, zone, after)
    assert first is not None
    second = next_run(expression, zone, first)

    assert second is not None
    assert after < first < second


@settings(deadline=None)
@given(zones, moments, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_a_later_question_never_gets_an_earlier_answer(zone: ZoneInfo, after: datetime, pause: timedelta) -> None:
    earlier, later = next_run(DAILY, zone, after), next_run(DAILY, zone, after + pause)

    assert earlier is not None
    assert later is not None
    assert earlier <= later


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/Havana", "Africa/Cairo"])
def test_hourly_work_is_done_in_every_hour_that_passes(name: str) -> None:
    zone = ZoneInfo(name)
    since, until = datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)

    fired = [moment.astimezone(UTC) for moment in runs(HOURLY, zone, since, until)]

    assert fired == [since + timedelta(hours=hour) for hour in range(365 * 24)]


@pytest.mark.parametrize(
    ("name", "after", "expected"),
    [
        ("America/Havana", "2024-03-09T12:00", "2024-03-10T01:00-04:00"),  # 00:00 was skipped
        ("America/Havana", "2024-11-02T12:00", "2024-11-03T00:00-04:00"),  # 00:00 came twice: the first
        ("America/Havana", "2024-11-03T00:00", "2024-11-04T00:00-05:00"),
        ("America/Sao_Paulo", "2018-11-03T12:00", "2018-11-04T01:00-02:00"),
        ("Asia/Beirut", "2024-03-30T12:00", "2024-03-31T01:00+03:00"),
        ("Africa/Cairo", "2024-04-25T12:00", "2024-04-26T01:00+03:00"),
        ("Pacific/Apia", "2011-12-29T12:00", "2011-12-31T00:00+14:00"),  # there was no 30 December
    ],
)
def test_midnight_that_is_skipped_or_comes_twice(name: str, after: str, expected: str) -> None:
    zone = ZoneInfo(name)

    run = next_run(DAILY, zone, datetime.fromisoformat(after).replace(tzinfo=zone))

    assert run is not None
    assert run.isoformat(timespec="minutes") == expected


def test_time_that_is_skipped_fires_once_the_clock_has_moved_on() -> None:
    zone = ZoneInfo("Europe/Berlin")

    fired = list(runs("30 2 * * *", zone, datetime(2024, 3, 30, 12, tzinfo=UTC), datetime(2024, 4, 1, 12, tzinfo=UTC)))

    assert [moment.isoformat() for moment in fired] == ["2024-03-31T03:30:00+02:00", "2024-04-01T02:30:00+02:00"]


def test_time_that_comes_twice_fires_the_first_time() -> None:
    zone = ZoneInfo("Europe/Berlin")

    fired = list(
        runs("30 2 * * *", zone, datetime(2024, 10, 26, 12, tzinfo=UTC), datetime(2024, 10, 28, 12, tzinfo=UTC))
    )

    assert [moment.isoformat() for moment in fired] == ["2024-10-27T02:30:00+02:00", "2024-10-28T02:30:00+01:00"]


def test_run_at_this_very_moment_counts_for_a_new_job_and_not_for_one_that_just_ran() -> None:
    midnight = datetime(2026, 5, 1, tzinfo=UTC)
    trigger = CronTrigger(DAILY, ZoneInfo("UTC"))

    assert trigger.get_next_fire_time(None, midnight) == midnight
    assert trigger.get_next_fire_time(midnight, midnight) == midnight + timedelta(days=1)


def test_leap_day_is_waited_for_over_a_century_year() -> None:
    assert next_run("0 0 29 2 *", ZoneInfo("UTC"), datetime(2096, 3, 1, tzinfo=UTC)) == datetime(
        2104, 2, 29, tzinfo=UTC
    )


def test_day_that_never_comes_is_none() -> None:
    assert next_run("0 0 30 2 *", ZoneInfo("UTC"), datetime(2026, 1, 1, tzinfo=UTC)) is None
