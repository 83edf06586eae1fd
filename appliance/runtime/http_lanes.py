"""Whoever asks whether the appliance lives is answered while all threads of the others are taken.

And whoever asks when more wait than may is told so at once: a queue that grows for as long as more comes than is served
makes everybody wait longer than they will, and at its end connections break without a word.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import Error, RequestEntityTooLarge

HEALTH = "/health"
HEALTH_THREADS = 2
TOLD_SECONDS = 10.0

Headers = Sequence[tuple[str, str]]
Refuse = Callable[[str, str], tuple[Headers, bytes]]
"""Of a path, and of the request id that came (empty: none did): headers and body of the answer."""

log = structlog.get_logger(__name__)


class TooBusy(Error):  # type: ignore[misc]  # waitress has no types
    code = 503
    reason = "Service Unavailable"

    def __init__(self, headers: Headers, body: bytes) -> None:
        super().__init__(body)
        self._headers = headers

    def to_response(self, _ident: object = None) -> tuple[str, Headers, bytes]:
        return f"{self.code} {self.reason}", self._headers, self.body


class Lanes(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Threads for requests, and a few of their own for those that ask for health, and for those that are refused.

    A database that is locked by another program lets each post wait for seconds; with as many clients as there are
    threads, a supervisor that asks for health would wait behind them and take the appliance for dead.
    """

    def __init__(self, threads: int, *, most_waiting: int, refuse: Refuse) -> None:
        super().__init__()
        self._most_waiting = most_waiting
        self._refuse = refuse
        self._refused = 0
        self._told_at = 0.0
        self._of_health = ThreadedTaskDispatcher()
        self._of_refusals = ThreadedTaskDispatcher()
        self.set_thread_count(threads)
        self._of_health.set_thread_count(HEALTH_THREADS)
        self._of_refusals.set_thread_count(1)

    def add_task(self, task: Any) -> None:
        if _asks_for_health(task):
            self._of_health.add_task(task)
        elif len(self.queue) >= self._most_waiting and task.requests:
            self._turn_away(task)
        else:
            super().add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        self._of_health.shutdown(cancel_pending, timeout)
        self._of_refusals.shutdown(cancel_pending, timeout)
        return bool(super().shutdown(cancel_pending, timeout))

    def _turn_away(self, channel: Any) -> None:
        request = channel.requests[0]
        if _would_reach_the_application(request):
            request.error = TooBusy(*self._refuse(request.path, request.headers.get("X_REQUEST_ID", "")))
            self._tell()
        self._of_refusals.add_task(channel)

    def _tell(self) -> None:
        self._refused += 1
        now = time.monotonic()
        if now - self._told_at >= TOLD_SECONDS:
            log.warning("too much is asked at once: some are refused", waiting=len(self.queue), refused=self._refused)
            self._told_at, self._refused = now, 0


def say_so(_path: str, _request_id: str) -> tuple[Headers, bytes]:
    return [("Content-Type", "text/plain"), ("Retry-After", "5")], b"Too much is asked at once.\n"


def _would_reach_the_application(request: Any) -> bool:
    """Also with a body that is too large, which is left to the application (http_connections.py)."""
    return request.error is None or isinstance(request.error, RequestEntityTooLarge)


def _asks_for_health(channel: Any) -> bool:
    path = getattr(channel.requests[0], "path", "") if channel.requests else ""
    return path == HEALTH or str(path).startswith(f"{HEALTH}/")
