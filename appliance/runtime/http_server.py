"""Waitress, serving the pages and the API."""

import errno
import socket
from collections.abc import Callable
from typing import Any, ClassVar

from waitress.adjustments import Adjustments
from waitress.wasyncore import close_all

from appliance.config.settings import WebSettings
from appliance.errors import StartupError
from appliance.runtime.component import Component
from appliance.runtime.http_connections import LARGEST_HEAD, MEGABYTE, Patience, Server, most_connections
from appliance.runtime.http_lanes import Lanes, Refuse, say_so

BACKLOG = 1024

WsgiApp = Callable[..., Any]


class HttpServer(Component):
    name: ClassVar[str] = "http server"

    def __init__(
        self, app: WsgiApp, settings: WebSettings, patience: Patience | None = None, *, refuse: Refuse = say_so
    ) -> None:
        """`refuse` makes the answer of those for whom there is no time."""
        super().__init__()
        self._app = app
        self._settings = settings
        most = most_connections()
        self._patience = patience or Patience(connections=most, waiting=most // 2)
        self._refuse = refuse
        self._server: Any = None
        self.port = settings.port
        """The port that is listened on; known once started, also where the settings say 0."""

    def run(self) -> None:
        """Raises StartupError when the port cannot be had."""
        listening = bind(self._settings.host, self.port)
        self.port = listening.getsockname()[1]
        self._server = self._create(listening)
        try:
            self.ready()
            self._server.run()
        finally:
            self._release()

    def interrupt(self) -> None:
        """Closes what listens or idles, on the server's own loop; requests under way are finished."""
        server = self._server
        if server is not None:
            try:
                server.trigger.pull_trigger(lambda: _wind_down(server))
            except OSError:
                return  # it has wound down already

    def _create(self, listening: socket.socket) -> Server:
        adjustments = Adjustments(
            sockets=[listening],
            threads=self._settings.threads,
            backlog=BACKLOG,
            connection_limit=self._patience.connections * 2,  # of all sockets: where it listens no more
            max_request_header_size=LARGEST_HEAD,
            max_request_body_size=(self._settings.max_request_mb + 1) * MEGABYTE,
            clear_untrusted_proxy_headers=False,  # web/proxies.py believes only the proxies that are named
            expose_tracebacks=False,
            asyncore_use_poll=True,
            ident=None,
        )
        family, kind, protocol = listening.family, listening.type, listening.proto
        return Server(
            self._app,
            _sock=listening,
            dispatcher=Lanes(self._settings.threads, most_waiting=self._patience.waiting, refuse=self._refuse),
            adj=adjustments,
            bind_socket=False,
            sockinfo=(family, kind, protocol, listening.getsockname()),
            patience=self._patience,
        )

    def _release(self) -> None:
        server, self._server = self._server, None
        server.task_dispatcher.shutdown(timeout=1)
        close_all(server._map, ignore_all=True)


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises StartupError with a remedy."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise StartupError(f"Cannot listen on {host}:{port}: {_why_not(error)}") from error


def _why_not(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "it is in use. Stop the program that has it, or set [web] port (WEB_PORT) to another one."
        case errno.EACCES:
            return "this user may not. Set [web] port (WEB_PORT) to 1024 or above, and put a proxy in front of it."
    return f"{error.strerror or error}. Correct [web] host (WEB_HOST) and port (WEB_PORT)."


def _wind_down(server: Any) -> None:
    server.accepting = False
    if server.socket is not None and server.socket.fileno() != -1:
        server.del_channel(server._map)
        server.socket.close()
    for channel in list(server.active_channels.values()):
        if not channel.requests:
            channel.will_close = True
    if not server.active_channels:
        server.trigger.close()
