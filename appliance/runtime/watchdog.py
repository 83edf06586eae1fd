"""Measures how long the event loop is held by one piece of work, and says who held it.

Everything runs in one OS thread, so whoever computes for long stops everybody. A heartbeat runs on the loop; a native
thread watches it and, when it falls silent, notes the stack of the thread that holds the loop.
"""

import sys
import threading
import time
import traceback
from types import FrameType

import gevent
import structlog
from gevent import monkey

from appliance.histogram import MOMENTS, Histogram

BEAT_SECONDS = 0.05
BLOCKED_SECONDS = 0.25
SHOWN_FRAMES = 4

log = structlog.get_logger(__name__)

_native_sleep = monkey.get_original("time", "sleep")
_start_native_thread = monkey.get_original("_thread", "start_new_thread")


class HubWatchdog:
    """Harmless when started or stopped twice."""

    def __init__(self) -> None:
        self._running = False
        self._beat = 0.0
        self._loop_thread = threading.get_ident()
        self._lag = 0.0
        self._worst = 0.0
        self.lags = Histogram(MOMENTS)  # seconds by which each heartbeat was late
        self._culprit = ""
        self._heart: gevent.Greenlet | None = None

    def start(self) -> None:
        if self._running:
            return
        self._running = True
        self._beat = time.monotonic()
        self._loop_thread = monkey.get_original("threading", "get_ident")()
        self._heart = gevent.spawn(self._beat_on)
        _start_native_thread(self._watch, ())

    def stop(self) -> None:
        self._running = False
        if self._heart is not None:
            self._heart.kill(block=False)

    def lag(self) -> float:
        """Seconds by which the latest heartbeat was late."""
        return self._lag

    def take_worst(self) -> float:
        """The worst lag since the last call, in seconds."""
        worst, self._worst = self._worst, 0.0
        return worst

    def _beat_on(self) -> None:
        while self._running:
            previous = self._beat
            gevent.sleep(BEAT_SECONDS)
            self._beat = time.monotonic()
            self._lag = max(0.0, self._beat - previous - BEAT_SECONDS)
            self._worst = max(self._worst, self._lag)
            self.lags.add(self._lag)
            if self._lag > BLOCKED_SECONDS:
                log.warning("the event loop was blocked", seconds=round(self._lag, 3), by=self._culprit or "unknown")
            self._culprit = ""

    def _watch(self) -> None:
        while self._running:
            _native_sleep(BLOCKED_SECONDS / 2)
            if time.monotonic() - self._beat > BLOCKED_SECONDS and not self._culprit:
                self._culprit = _where(sys._current_frames().get(self._loop_thread))


def _where(frame: FrameType | None) -> str:
    if frame is None:
        return ""
    frames = traceback.extract_stack(frame)[-SHOWN_FRAMES:]
    return " < ".join(f"{one.name} ({one.filename.rpartition('/')[2]}:{one.lineno})" for one in reversed(frames))
