from appliance.histogram import MOMENTS, Histogram
from appliance.web.admin.machine import within


def test_the_border_that_most_are_not_above() -> None:
    measured = Histogram(MOMENTS)
    for _ in range(99):
        measured.add(0.002)
    measured.add(0.4)

    assert (within(measured, 0.99), within(measured, 1.0)) == (0.005, 0.5)


def test_what_is_beyond_every_border_is_told_apart_by_no_number() -> None:
    measured = Histogram(MOMENTS)
    measured.add(7.0)

    assert within(measured, 0.99) == float("inf")


def test_without_a_measurement_nothing_is_said() -> None:
    assert within(Histogram(MOMENTS), 0.99) is None
