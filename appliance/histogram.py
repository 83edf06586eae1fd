"""A histogram that costs next to nothing to fill: what the core measures of itself, for whoever exports it."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Borders for what takes as long as a network does."""
PATIENCE = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)
"""Borders for what may wait for a day."""
MOMENTS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Borders for what should be over at once."""
COUNTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


class Histogram:
    """Counts values by upper border, which belongs to its bucket, and adds them up. Never falls: it starts anew with
    the process.
    """

    __slots__ = ("_borders", "_counts", "sum")

    def __init__(self, borders: Sequence[float] = SECONDS) -> None:
        """`borders` ascend; what is above the last one counts as well."""
        self._borders = tuple(borders)
        self._counts = [0] * (len(borders) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._borders, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        return sum(self._counts)

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Each border with how many values are not above it; the last border is infinity."""
        return zip((*self._borders, float("inf")), accumulate(self._counts), strict=True)
