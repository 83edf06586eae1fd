"""Lets others run during a long piece of work: everything here shares one thread of the operating system."""

import time

SLICE_SECONDS = 0.008
PAUSE_SECONDS = 0.0005  # not 0: an event loop looks at its sockets only while something really waits


class Pace:
    def __init__(self) -> None:
        self._since = time.perf_counter()

    def step(self) -> None:
        """Between two steps of the work. Waits a moment when the last pause was long ago."""
        if time.perf_counter() - self._since >= SLICE_SECONDS:
            time.sleep(PAUSE_SECONDS)
            self._since = time.perf_counter()
