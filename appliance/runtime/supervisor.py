"""Starts the components in order, watches them, brings back those that fail, stops all in reverse."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from appliance.config.settings import SupervisorSettings
from appliance.errors import StartupError
from appliance.health import Health, Status
from appliance.runtime.component import Component

WATCH_SECONDS = 0.5
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 30.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Ward:
    """A component and how it has fared. Without `vital`, its failure never ends the process."""

    component: Component
    vital: bool = True
    failures: deque[float] = field(default_factory=deque)
    restarts: int = 0
    restart_at: float | None = None
    detail: str = ""


class Supervisor:
    def __init__(
        self,
        components: Sequence[Component],
        settings: SupervisorSettings,
        *,
        dispensable: Sequence[str] = (),
        on_ready: Callable[[], None] = lambda: None,
        on_watch: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        """`dispensable` names components without which the others go on for ever.

        The hooks run in the supervisor: once all have started, at each watch, and before the first is stopped.
        """
        self._wards = [_Ward(component, component.name not in dispensable) for component in components]
        self._settings = settings
        self._stop = threading.Event()
        self._on_ready = on_ready
        self._on_watch = on_watch
        self._on_stop = on_stop
        self._exit_code = 0

    def run(self) -> int:
        """Blocks until `request_stop`, or until a vital component cannot be kept alive. Returns the exit code."""
        try:
            if self._start_all():
                self._on_ready()
                self._watch()
        except StartupError as error:
            log.error("the appliance cannot start", reason=str(error))
            self._exit_code = 1
        finally:
            self._stop_all()
        return self._exit_code

    def request_stop(self) -> None:
        """Only sets a flag: safe in a signal handler."""
        self._stop.set()

    def health(self) -> list[Health]:
        """Of every component, in start order."""
        return [self._health_of(ward) for ward in self._wards]

    def _health_of(self, ward: _Ward) -> Health:
        health = ward.component.health()
        if health.status is Status.FAILED and not health.detail:
            health = Health(health.name, health.status, ward.detail, health.since)
        return health.with_restarts(ward.restarts)

    def _start_all(self) -> bool:
        """Returns False when a stop was asked for meanwhile."""
        for ward in self._wards:
            if self._stop.is_set():
                return False
            try:
                ward.component.start()
                log.debug("component started", component=ward.component.name)
            except StartupError as error:
                if ward.vital:
                    raise
                self._note_failure(ward, str(error))
        return not self._stop.is_set()

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_SECONDS):
            for ward in self._wards:
                self._look_after(ward)
            self._on_watch()

    def _look_after(self, ward: _Ward) -> None:
        if ward.restart_at is not None:
            if time.monotonic() >= ward.restart_at:
                self._restart(ward)
        elif ward.component.health().status is Status.FAILED:
            self._note_failure(ward, ward.component.health().detail)

    def _note_failure(self, ward: _Ward, detail: str) -> None:
        now = time.monotonic()
        ward.detail = detail
        ward.failures.append(now)
        while ward.failures[0] < now - self._settings.restart_window_seconds:
            ward.failures.popleft()
        if ward.vital and len(ward.failures) > self._settings.restart_budget:
            self._give_up(ward)
            return
        delay = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (len(ward.failures) - 1))
        ward.restart_at = now + delay
        log.error("component failed", component=ward.component.name, reason=detail, restart_in_seconds=delay)

    def _give_up(self, ward: _Ward) -> None:
        log.critical(
            "component failed too often, the appliance stops",
            component=ward.component.name,
            reason=ward.detail,
            failures=len(ward.failures),
            window_seconds=self._settings.restart_window_seconds,
        )
        self._exit_code = 1
        self._stop.set()

    def _restart(self, ward: _Ward) -> None:
        ward.restart_at = None
        ward.restarts += 1
        try:
            ward.component.start()
            log.info("component restarted", component=ward.component.name, restarts=ward.restarts)
        except StartupError as error:
            self._note_failure(ward, str(error))

    def _stop_all(self) -> None:
        self._on_stop()
        deadline = time.monotonic() + self._settings.grace_seconds
        for ward in reversed(self._wards):
            if ward.component.stop(max(0.1, deadline - time.monotonic())):
                log.debug("component stopped", component=ward.component.name)
            else:
                log.warning("component did not stop in time", component=ward.component.name)
