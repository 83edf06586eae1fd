"""What is read from the columns of a histogram is near what was put in."""

from math import ceil, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.db.models.rollup import BORDERS, COUNTERS, GROWTH, TIMES, column_of
from appliance.db.queries.statistics import NOTHING, Figures

SECONDS = st.floats(BORDERS[0] / GROWTH * 1.001, BORDERS[-1])
PARTS = st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 1.0])


def figures(*seconds: float, **counts: int) -> Figures:
    columns = [column_of(one) for one in seconds]
    return Figures(tuple(counts.get(name, 0) for name in COUNTERS), tuple(columns.count(column) for column in TIMES))


@given(st.lists(SECONDS, min_size=1, max_size=300), PARTS)
def test_percentile_is_near_the_exact_one(seconds: list[float], part: float) -> None:
    exact = sorted(seconds)[max(1, ceil(part * len(seconds))) - 1]

    (found,) = figures(*seconds).percentiles(part)

    assert found is not None
    assert 1 / sqrt(GROWTH) <= found / exact * 1.000001
    assert found / exact <= sqrt(GROWTH) * 1.000001


@given(st.lists(SECONDS, min_size=1, max_size=50), st.lists(SECONDS, max_size=50), PARTS)
def test_histograms_of_parts_add_up_to_that_of_the_whole(first: list[float], second: list[float], part: float) -> None:
    whole = figures(*first, *second)

    assert figures(*first) + figures(*second) == whole
    assert (figures(*first) + figures(*second)).percentiles(part) == whole.percentiles(part)


def test_percentiles_grow_with_their_part() -> None:
    low, middle, high = figures(0.01, 0.1, 0.1, 5.0).percentiles(0.1, 0.5, 0.99)

    assert low is not None
    assert middle is not None
    assert high is not None
    assert low < middle < high


@pytest.mark.parametrize(("seconds", "shown"), [(0.0, 0.00395), (-1.0, 0.00395), (1e9, BORDERS[-1])])
def test_what_is_out_of_range_counts_at_its_end(seconds: float, shown: float) -> None:
    assert figures(seconds).percentiles(0.5) == [pytest.approx(shown, rel=0.01)]


def test_without_a_sent_message_there_is_no_percentile() -> None:
    assert NOTHING.percentiles(0.5, 0.9) == [None, None]


@pytest.mark.parametrize(
    ("counts", "rate"),
    [
        ({}, None),
        ({"suppressed": 3, "cancelled": 2, "deferred": 9}, None),
        ({"sent": 3}, 1.0),
        ({"sent": 2, "partially_sent": 1, "failed": 1, "suppressed": 5}, 0.5),
    ],
)
def test_success_rate_is_of_those_that_were_tried_to_their_end(counts: dict[str, int], rate: float | None) -> None:
    assert figures(**counts).success_rate == rate
