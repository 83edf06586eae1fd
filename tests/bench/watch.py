"""Somebody else who is there while something is measured: what they feel is what an appliance does to its users."""

import threading
import time

from tests.bench.load import Load
from tests.functional.processes import Appliance


class Watch:
    """Somebody else, who asks a small question every 5 ms, or so many `seconds`."""

    def __init__(self, appliance: Appliance, seconds: float = 0.005) -> None:
        self._seconds = seconds
        self._appliance = appliance
        self._latencies: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def load(self) -> Load:
        return Load(0, self._latencies, 0)

    def _ask(self) -> None:
        while not self._over.wait(self._seconds):
            began = time.perf_counter()
            self._appliance.request("GET", "/health/live")
            self._latencies.append(time.perf_counter() - began)
