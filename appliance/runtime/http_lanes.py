"""Whoever asks whether the appliance lives is answered while all threads of the others are taken."""

from typing import Any

from waitress.task import ThreadedTaskDispatcher

HEALTH = "/health"
HEALTH_THREADS = 2


class Lanes(ThreadedTaskDispatcher):  # type: ignore[misc]  # waitress has no types
    """Threads for requests, and a few of their own for those that ask for health.

    A database that is locked by another program lets each post wait for seconds; with as many clients as there are
    threads, a supervisor that asks for health would wait behind them and take the appliance for dead.
    """

    def __init__(self, threads: int) -> None:
        super().__init__()
        self._of_health = ThreadedTaskDispatcher()
        self.set_thread_count(threads)
        self._of_health.set_thread_count(HEALTH_THREADS)

    def add_task(self, task: Any) -> None:
        if _asks_for_health(task):
            self._of_health.add_task(task)
        else:
            super().add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        self._of_health.shutdown(cancel_pending, timeout)
        return bool(super().shutdown(cancel_pending, timeout))


def _asks_for_health(channel: Any) -> bool:
    path = getattr(channel.requests[0], "path", "") if channel.requests else ""
    return path == HEALTH or str(path).startswith(f"{HEALTH}/")
