"""All of Flower that lives on one event loop, from its sockets to its last saved task."""

import asyncio
import socket
from contextlib import suppress

from celery import Celery
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback

from appliance.runtime.monitor.application import PREFIX, Credentials, MonitorApplication, routes
from appliance.runtime.monitor.events import EventStream

SAVE_MILLISECONDS = 10_000
CLOSE_SECONDS = 0.5
MAX_REQUEST_BYTES = 1024 * 1024


class FlowerServer:
    def __init__(self, celery: Celery, events: EventStream, loop: IOLoop, credentials: Credentials) -> None:
        self._loop = loop
        self._events = events
        self._plain = MonitorApplication(celery, events, loop, credentials)
        prefixed = MonitorApplication(celery, events, loop, credentials, PREFIX)
        read_only = MonitorApplication(celery, events, loop, credentials, PREFIX, read_only=True)
        self._applications = (self._plain, prefixed, read_only)
        for one in (prefixed, read_only):
            one.share(self._plain)
        self._http = HTTPServer(routes(*self._applications), max_body_size=MAX_REQUEST_BYTES)
        self._saving = PeriodicCallback(self._save, SAVE_MILLISECONDS)

    def start(self, sockets: list[socket.socket]) -> None:
        self._events.load()
        self._events.start()
        self._http.add_sockets(sockets)
        self._saving.start()
        self._loop.add_callback(self._plain.update_workers)

    def stop(self) -> None:
        """Releases everything but the loop itself, which must not be running."""
        self._saving.stop()
        self._http.stop()
        self._events.stop()
        self._loop.run_sync(self._finish)
        for application in self._applications:
            application.executor.shutdown(wait=False, cancel_futures=True)
        self._events.save()

    async def _save(self) -> None:
        await self._loop.run_in_executor(None, self._events.save)

    async def _finish(self) -> None:
        with suppress(TimeoutError):  # a client that sends half a request would hold it for ever
            await asyncio.wait_for(self._http.close_all_connections(), CLOSE_SECONDS)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
