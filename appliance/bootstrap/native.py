"""Native threads beside the event loop, for what would hold it."""

from collections.abc import Callable
from typing import TypeVar

from gevent.threadpool import ThreadPool

T = TypeVar("T")


class NativeThreads:
    """An error in one of them is the caller's alone: gevent's own pool writes each as a traceback to the log first."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPool(count)

    def apply(self, work: Callable[[], T]) -> T:
        """Returns or raises what `work` does; meanwhile the event loop goes on."""
        outcome: T | _Raised = self._pool.apply(_caught, (work,))
        if isinstance(outcome, _Raised):
            raise outcome.error
        return outcome


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def _caught(work: Callable[[], T]) -> T | _Raised:
    try:
        return work()
    except BaseException as error:  # noqa: BLE001 - the outermost edge of a thread: the one who waits gets it
        return _Raised(error)
