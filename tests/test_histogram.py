from math import inf

from hypothesis import given
from hypothesis import strategies as st

from appliance.histogram import Histogram


@given(st.lists(st.floats(-10, 10)))
def test_each_value_counts_at_every_border_that_it_is_not_above(values: list[float]) -> None:
    histogram = Histogram((0.0, 1.0, 5.0))

    for value in values:
        histogram.add(value)

    assert list(histogram.cumulative()) == [
        (border, sum(value <= border for value in values)) for border in (0.0, 1.0, 5.0, inf)
    ]
    assert (histogram.count, histogram.sum) == (len(values), sum(values))
