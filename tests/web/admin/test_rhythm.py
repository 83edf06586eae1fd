"""Cron expressions as people would say them."""

import pytest
from flask import Flask

from appliance.config.cron import normalized
from appliance.config.settings import ScheduleSettings
from appliance.web.admin.rhythm import Pattern, Rhythm, rhythm


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * *", Rhythm(Pattern.EVERY_MINUTES, step=1)),
        ("*/15 * * * *", Rhythm(Pattern.EVERY_MINUTES, step=15)),
        ("15 * * * *", Rhythm(Pattern.HOURLY, step=15)),
        ("30 3 * * *", Rhythm(Pattern.DAILY, times=["03:30"], days=[str(day) for day in range(1, 32)])),
        ("0 6,18 1 * *", Rhythm(Pattern.MONTHLY, times=["06:00", "18:00"], days=["1"])),
        ("0 4 * * sun,mon", Rhythm(Pattern.WEEKLY, times=["04:00"], days=["Monday", "Sunday"])),
        ("0 4 * * 7", Rhythm(Pattern.WEEKLY, times=["04:00"], days=["Sunday"])),
    ],
)
def test_what_has_words_is_recognized(app: Flask, expression: str, expected: Rhythm) -> None:
    with app.test_request_context():
        assert rhythm(normalized(expression)) == expected


@pytest.mark.parametrize(
    "expression", ["0 0 29 2 *", "0 0 1 * mon", "0,7,30 * * * *", "*/7 * * * *", "*/10 8 * * *", "0 * 1 * *"]
)
def test_what_has_none_is_left_to_the_expression(app: Flask, expression: str) -> None:
    with app.test_request_context():
        assert rhythm(normalized(expression)).pattern is Pattern.OTHER


def test_every_default_has_words(app: Flask) -> None:
    with app.test_request_context():
        patterns = [rhythm(cron).pattern for cron in ScheduleSettings().model_dump().values()]

    assert Pattern.OTHER not in patterns
