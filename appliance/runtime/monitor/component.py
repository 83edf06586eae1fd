"""The monitor as a component."""

import asyncio
import errno
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets

from appliance.config.settings import FlowerSettings
from appliance.errors import StartupError
from appliance.runtime.component import Component
from appliance.runtime.monitor.application import Credentials
from appliance.runtime.monitor.events import EventStream
from appliance.runtime.monitor.history import RunNative, TaskHistory
from appliance.runtime.monitor.loop import GreenletLoop
from appliance.runtime.monitor.server import FlowerServer

HISTORY_FILE = "flower.db"

log = structlog.get_logger(__name__)

OF_CELERY = "celery."


def directly(fn: Callable[[], Any]) -> Any:
    return fn()


class Monitor(Component):
    """Flower on its own port, with its own event loop in its own thread."""

    name = "monitor"

    def __init__(
        self,
        celery: Celery,
        settings: FlowerSettings,
        password: str,
        data_dir: Path,
        run_native: RunNative = directly,
    ) -> None:
        """`run_native` keeps the saving of the history off the event loop of the process."""
        super().__init__()
        self._celery = celery
        self._settings = settings
        self._credentials = Credentials(settings.user, password)
        self._history = TaskHistory(data_dir / HISTORY_FILE, settings.max_tasks, run_native)
        self._began = time.time()
        self._loop: IOLoop | None = None
        self.port = 0

    @property
    def authorization(self) -> str:
        """The header by which the appliance's own web server asks Flower for a user who is signed in."""
        return self._credentials.header

    def run(self) -> None:
        sockets = self._bind()
        loop = GreenletLoop(make_current=True)
        try:
            self._serve(loop, sockets)
        finally:
            loop.close(all_fds=True)
            asyncio.set_event_loop(None)
            for listening in sockets:
                listening.close()

    def interrupt(self) -> None:
        loop = self._loop
        if loop is not None:
            loop.add_callback(loop.stop)

    def _bind(self) -> list[socket.socket]:
        host, port = self._settings.host, self._settings.port
        try:
            sockets = bind_sockets(port, address=host)
        except OSError as error:
            raise StartupError(_why_not(host, port, error)) from error
        self.port = sockets[0].getsockname()[1]
        return sockets

    def _serve(self, loop: IOLoop, sockets: list[socket.socket]) -> None:
        events = EventStream(self._celery, loop, self._history, self._settings.max_tasks, self._began)
        server = FlowerServer(self._celery, events, loop, self._credentials)
        try:
            server.start(sockets)
            self._loop = loop
            self._announce()
            loop.add_callback(self.ready)
            loop.start()
        finally:
            self._loop = None  # before the loop is used again: a further interrupt must not stop that
            server.stop()

    def _announce(self) -> None:
        with self._celery.connection_for_read() as connection:
            broker = connection.as_uri()  # with the password masked
        log.info("Flower is listening", address=f"http://{self._settings.host}:{self.port}/", broker=broker)
        ours = sorted(name for name in self._celery.tasks if not name.startswith(OF_CELERY))
        short = " ".join(name.rpartition(".")[2] for name in ours)  # their modules would make it as long as a page
        log.info("Flower knows the tasks", tasks=short, of_celery=len(self._celery.tasks) - len(ours))


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use. Stop the program that has it, or set [flower] port."
    return f"cannot listen on {host}:{port}: {error.strerror or error}. Correct [flower] host and port."
