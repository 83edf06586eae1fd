"""Figures as people read them."""

import pytest

from appliance.web.admin import filters


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3601, "1 h"),
        (3 * 3600 + 125, "3 h 2 min"),
        (90061, "1 d 1 h"),
        (86400 + 120, "1 d 2 min"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert filters.span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0042, "4 ms"), (0.4, "400 ms"), (1.25, "1.2 s"), (59.9, "59.9 s"), (3600.0, "1 h")]
)
def test_a_short_span_has_milliseconds(seconds: float, text: str) -> None:
    assert filters.brief(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 20, "3.0 MiB"), (79 << 30, "79.0 GiB")]
)
def test_a_size_has_a_unit_that_fits(count: int, text: str) -> None:
    assert filters.size(count) == text


def test_thousands_stand_apart() -> None:
    assert filters.number(1234567) == "1\u202f234\u202f567"
