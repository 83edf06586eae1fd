"""A supervised part of the appliance: the contract, and the lifecycle that every part shares."""

import threading
import time
from abc import ABC, abstractmethod
from datetime import datetime
from typing import ClassVar

from appliance.clock import utc_now
from appliance.config.masking import masked
from appliance.errors import StartupError
from appliance.health import Health, Status

START_TIMEOUT = 30.0
LAST_CHANCE = 5.0  # for a start that failed to end


class Component(ABC):
    """Runs in a thread of its own (a greenlet, once gevent has patched the process).

    A subclass stores in `__init__` and acquires in `run`, so that it can be started again after a stop or a
    failure. It writes only two methods, `run` and `interrupt`. `start` and `stop` are harmless when called twice,
    in any order and from several threads.
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        self._lifecycle = threading.Lock()  # without it, concurrent start and stop leave an orphan thread
        self._thread: threading.Thread | None = None
        self._settled = threading.Event()  # ready, failed or returned
        self._stopping = threading.Event()
        self._status = Status.STOPPED
        self._detail = ""
        self._since: datetime | None = None

    @abstractmethod
    def run(self) -> None:
        """Acquires, calls `ready()`, serves until `interrupt()`, releases. Raising or returning early is a failure."""

    @abstractmethod
    def interrupt(self) -> None:
        """Makes `run` return soon. Called from another thread, possibly before `run` is ready, possibly twice."""

    def start(self) -> None:
        """Returns when the component is able to serve.

        Raises:
            StartupError: it failed or was not ready in time; nothing is left running.
        """
        with self._lifecycle:
            if self._status is Status.RUNNING and self._is_alive():
                return
            if not self._halt(LAST_CHANCE):  # of an earlier start or stop that ran out of time
                raise StartupError(f"{self.name}: what ran before has not ended yet")
            self._launch()
            self._settled.wait(START_TIMEOUT)
            if self._status is Status.RUNNING:
                return
            detail = self._detail or f"not ready within {START_TIMEOUT:.0f} s"
            self._halt(LAST_CHANCE)
            self._become(Status.FAILED, detail)
            raise StartupError(f"{self.name}: {detail}")

    def stop(self, timeout: float) -> bool:
        """Returns True when the component has stopped, False when `timeout` seconds were not enough."""
        with self._lifecycle:
            stopped = self._halt(timeout)
            if stopped:
                self._become(Status.STOPPED)
            return stopped

    def health(self) -> Health:
        """Cheap; never blocks, never raises."""
        return Health(self.name, self._status, self._detail, self._since)

    def ready(self) -> None:
        """Called by `run` once the component is able to serve."""
        if not self.stopping:
            self._become(Status.RUNNING)
        self._settled.set()

    def report(self, detail: str) -> None:
        """Says in `health()` what `run` is up against while it goes on working; empty: nothing."""
        self._detail = detail

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def sleep(self, seconds: float) -> None:
        """Sleeps inside `run`, but no longer than until a stop is asked for."""
        self._stopping.wait(seconds)

    def _launch(self) -> None:
        self._settled.clear()
        self._stopping.clear()
        self._become(Status.STARTING)
        self._thread = threading.Thread(target=self._guarded_run, name=self.name, daemon=True)
        self._thread.start()

    def _guarded_run(self) -> None:
        try:
            self.run()
            if not self.stopping:
                self._become(Status.FAILED, "returned without being asked to stop")
        except BaseException as error:  # noqa: BLE001 - the outermost edge of a component, which nothing may leave
            self._become(Status.FAILED, describe(error))
        finally:
            self._settled.set()

    def _halt(self, timeout: float) -> bool:
        thread = self._thread
        if thread is None or not self._is_alive():
            self._thread = None
            return True
        self._stopping.set()
        self._become(Status.STOPPING)
        deadline = time.monotonic() + timeout
        while thread.is_alive() and time.monotonic() < deadline:
            self.interrupt()  # again and again: the first may have come before `run` could hear it
            thread.join(min(0.5, max(0.0, deadline - time.monotonic())))
        if thread.is_alive():
            return False
        self._thread = None
        return True

    def _is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _become(self, status: Status, detail: str = "") -> None:
        self._status, self._detail, self._since = status, detail, utc_now()


def describe(error: BaseException) -> str:
    """An error in one line, without secrets: its message, or its type where it has none."""
    text = masked(" ".join(str(error).split()))  # /health shows it to whoever asks
    if isinstance(error, StartupError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
