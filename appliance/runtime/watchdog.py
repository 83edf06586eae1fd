"""Measures how late the event loop is, and says who holds it when it is held by one piece of work.

Everything runs in one OS thread, so whoever computes for long stops everybody. The loop itself notes when it begins to
work and when it looks at its sockets again, which wakes nobody; a native thread reads that note and, when the work goes
on for too long, keeps the stack of the thread that does it. A heartbeat on the loop measures what the work waits for
besides: other threads of this process, and other processes. It beats slowly while next to nothing happens, because a
box at rest should rest.
"""

import sys
import threading
import time
import traceback
from types import FrameType
from typing import Any

import gevent
import structlog
from gevent import monkey

from appliance.histogram import MOMENTS, Histogram

BEAT_SECONDS = 0.05
RESTING_BEAT_SECONDS = 1.0
BUSY_ROUNDS_A_SECOND = 60  # of the loop: at rest it is a sixth of that
BLOCKED_SECONDS = 0.25
SHOWN_FRAMES = 4

_FIRST, _LAST = 2, -2  # the priorities of libev's watchers: the work of a round lies between these two

log = structlog.get_logger(__name__)

_native_sleep = monkey.get_original("time", "sleep")
_start_native_thread = monkey.get_original("_thread", "start_new_thread")


class HubWatchdog:
    """Harmless when started or stopped twice."""

    def __init__(self) -> None:
        self._running = False
        self._loop_thread = threading.get_ident()
        self._round: _Round | None = None
        self._lag = 0.0
        self.lags = Histogram(MOMENTS)  # seconds by which each heartbeat was late
        self._heart: gevent.Greenlet | None = None

    def start(self) -> None:
        if self._running:
            return
        self._running = True
        self._loop_thread = monkey.get_original("threading", "get_ident")()
        self._round = _Round(gevent.get_hub().loop)
        self._heart = gevent.spawn(self._beat_on)
        _start_native_thread(self._watch, (self._round,))

    def stop(self) -> None:
        self._running = False
        if self._heart is not None:
            self._heart.kill(block=False)
        if self._round is not None:
            self._round.stop()

    def lag(self) -> float:
        """Seconds by which the latest heartbeat was late."""
        return self._lag

    def _beat_on(self) -> None:
        loop, pause = gevent.get_hub().loop, BEAT_SECONDS
        while self._running:
            began, rounds = time.monotonic(), loop.iteration
            gevent.sleep(pause)
            self._lag = max(0.0, time.monotonic() - began - pause)
            self.lags.add(self._lag)
            busy = loop.iteration - rounds > BUSY_ROUNDS_A_SECOND * pause
            pause = BEAT_SECONDS if busy else RESTING_BEAT_SECONDS

    def _watch(self, watched: "_Round") -> None:
        while self._running:
            _native_sleep(BLOCKED_SECONDS / 2)
            if watched.seconds() > BLOCKED_SECONDS and not watched.culprit:
                watched.culprit = _where(sys._current_frames().get(self._loop_thread))


class _Round:
    """What the event loop does between two looks at its sockets."""

    def __init__(self, loop: Any) -> None:
        self.culprit = ""
        self._since = time.monotonic()
        self._at_work = True
        self._begun, self._ended = loop.check(priority=_FIRST), loop.prepare(priority=_LAST)
        self._begun.start(self._begin)
        self._ended.start(self._end)

    def stop(self) -> None:
        self._begun.stop()
        self._ended.stop()

    def seconds(self) -> float:
        """For how long the work goes on; 0 while there is none."""
        return time.monotonic() - self._since if self._at_work else 0.0

    def _begin(self) -> None:
        self._since, self._at_work = time.monotonic(), True

    def _end(self) -> None:
        seconds = self.seconds()
        self._at_work = False
        if seconds > BLOCKED_SECONDS:
            gevent.spawn(_tell, seconds, self.culprit)  # writing to a log may wait, which the loop itself cannot
        self.culprit = ""


def _tell(seconds: float, culprit: str) -> None:
    log.warning("the event loop was blocked", seconds=round(seconds, 3), by=culprit or "unknown")


def _where(frame: FrameType | None) -> str:
    if frame is None:
        return ""
    frames = traceback.extract_stack(frame)[-SHOWN_FRAMES:]
    return " < ".join(f"{one.name} ({one.filename.rpartition('/')[2]}:{one.lineno})" for one in reversed(frames))
