"""The worker as a component."""

import socket

from celery import Celery
from celery.app.trace import reset_worker_optimizations, setup_worker_optimizations
from kombu.exceptions import OperationalError

from appliance.config.settings import WorkerSettings
from appliance.errors import ApplianceError, StartupError
from appliance.runtime.component import Component
from appliance.runtime.worker.controller import Controller

CONNECT_RETRIES = 3


class RemoteShutdown(ApplianceError):
    def __init__(self) -> None:
        super().__init__("shut down by a control command, from Flower for instance")


class Worker(Component):
    """Runs the tasks. When it stops, tasks at work are finished and those that wait go back to their queue.

    Losing the connection to the broker is no failure: Celery reconnects for ever, and `health` says so meanwhile.
    """

    name = "worker"

    def __init__(self, celery: Celery, settings: WorkerSettings, node: str = "") -> None:
        """`node` is the name that Flower shows and control commands are addressed to."""
        super().__init__()
        self._celery = celery
        self._settings = settings
        self.node = node or f"postroom@{socket.gethostname()}"
        self._controller: Controller | None = None

    def run(self) -> None:
        self._reach_broker()
        setup_worker_optimizations(self._celery, self.node)  # else every task fails as not registered
        try:
            while not self.stopping:
                self._serve()
        finally:
            self._controller = None
            reset_worker_optimizations(self._celery)

    def interrupt(self) -> None:
        controller = self._controller
        if controller is not None:
            controller.request_stop()

    def _reach_broker(self) -> None:
        """Says soon and plainly what is wrong with the broker; later, Celery retries in silence."""
        with self._celery.connection_for_read() as connection:
            try:
                connection.ensure_connection(max_retries=CONNECT_RETRIES, interval_start=0.2, interval_step=0.3)
            except OperationalError as error:
                raise StartupError(
                    f"cannot reach the broker {connection.as_uri()}: {error}. Start it, or correct [broker] url."
                ) from error

    def _serve(self) -> None:
        """Until a stop, or a restart of the pool, is asked for."""
        controller = Controller(self._celery, self.node, self._settings.concurrency, self._on_connection)
        self._controller = controller
        controller.start()
        if controller.shut_down and not self.stopping:
            raise RemoteShutdown

    def _on_connection(self, trouble: str) -> None:
        if not trouble:
            self.ready()
        self.report(trouble)
