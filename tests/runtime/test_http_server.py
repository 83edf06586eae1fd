"""Waitress as a component, spoken to over real sockets."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from appliance.config.settings import Settings, WebSettings
from appliance.errors import StartupError
from appliance.health import Status
from appliance.runtime.http_server import HttpServer
from tests.built_appliance import built
from tests.waiting import wait_until

MEGABYTE = 1024 * 1024


class Site:
    """An application with one page that answers at once, and one that waits for `gate`."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.waiting = 0
        self.app = Flask(__name__)
        self.app.add_url_rule("/", view_func=lambda: "hello")
        self.app.add_url_rule("/slow", view_func=self._slow)
        self.app.add_url_rule("/broken", view_func=self._broken)

    def _slow(self) -> str:
        self.waiting += 1
        self.gate.wait()
        return "at last"

    def _broken(self) -> str:
        raise RuntimeError("out of luck")


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.gate.set()


MakeServer = Callable[..., HttpServer]


@pytest.fixture
def start_server(site: Site) -> Iterator[MakeServer]:
    made: list[HttpServer] = []

    def start(**settings: int) -> HttpServer:
        server = HttpServer(site.app, WebSettings(**{"port": 0, "threads": 4, **settings}))  # type: ignore[arg-type]
        made.append(server)
        server.start()
        return server

    yield start
    site.gate.set()
    assert all(server.stop(10) for server in made)


class Visitor(threading.Thread):
    """Asks for a page in a thread of its own."""

    def __init__(self, server: HttpServer, path: str) -> None:
        super().__init__()
        self._port, self._path = server.port, path
        self.answer: tuple[int, str] | None = None
        self.start()

    def run(self) -> None:
        self.answer = get(self._port, self._path)


def get(port: int, path: str = "/") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def connect(server: HttpServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def test_port_0_takes_a_free_one_and_says_which(start_server: MakeServer) -> None:
    server = start_server()

    assert server.port != 0
    assert get(server.port) == (200, "hello")


def test_restart_keeps_the_port(start_server: MakeServer) -> None:
    server = start_server()
    port = server.port
    with connect(server) as kept:
        kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        kept.recv(100)
        assert server.stop(10)

    server.start()

    assert server.port == port
    assert get(port) == (200, "hello")


def test_port_in_use_is_one_startup_error_with_a_remedy(site: Site, start_server: MakeServer) -> None:
    taken = start_server().port
    second = HttpServer(site.app, WebSettings(port=taken))

    with pytest.raises(StartupError) as refusal:
        second.start()

    assert str(refusal.value) == (
        f"http server: Cannot listen on 127.0.0.1:{taken}: it is in use. "
        "Stop the program that has it, or set [web] port (WEB_PORT) to another one."
    )
    assert get(taken) == (200, "hello")


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid"])
def test_address_that_is_not_ours_is_one_startup_error_with_a_remedy(site: Site, host: str) -> None:
    server = HttpServer(site.app, WebSettings(host=host, port=0))

    with pytest.raises(StartupError, match=r"Cannot listen on .*Correct \[web\] host"):
        server.start()

    assert server.health().status is Status.FAILED


def test_request_in_flight_is_answered_before_the_stop(site: Site, start_server: MakeServer) -> None:
    server = start_server()
    visitor = Visitor(server, "/slow")
    wait_until(lambda: site.waiting)
    stopped: list[bool] = []
    stopping = threading.Thread(target=lambda: stopped.append(server.stop(20)))
    stopping.start()
    wait_until(lambda: _refuses(server.port))

    site.gate.set()

    visitor.join(20)
    stopping.join(20)
    assert visitor.answer == (200, "at last")
    assert stopped == [True]


def test_stop_that_runs_out_of_time_says_so(site: Site, start_server: MakeServer) -> None:
    server = start_server()
    Visitor(server, "/slow")
    wait_until(lambda: site.waiting)

    assert not server.stop(0.1)

    site.gate.set()
    assert server.stop(10)


def test_kept_connections_do_not_delay_the_stop(start_server: MakeServer) -> None:
    server = start_server()
    kept = [connect(server) for _ in range(10)]
    for connection in kept[:5]:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    kept[5].sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf a bo")

    assert server.stop(5)

    for connection in kept:
        connection.close()


def test_slow_clients_do_not_keep_others_waiting(start_server: MakeServer) -> None:
    server = start_server(threads=2)
    slow = [connect(server) for _ in range(20)]
    for connection in slow:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\na")

    assert get(server.port) == (200, "hello")

    for connection in slow:
        connection.close()


def test_more_requests_than_threads_wait_their_turn(site: Site, start_server: MakeServer) -> None:
    server = start_server(threads=2)
    visitors = [Visitor(server, "/slow") for _ in range(5)]
    wait_until(lambda: site.waiting == 2)

    site.gate.set()

    for visitor in visitors:
        visitor.join(20)
    assert [visitor.answer for visitor in visitors] == [(200, "at last")] * 5


def test_error_of_a_page_is_an_answer_and_ends_nothing(start_server: MakeServer) -> None:
    server = start_server()

    status, body = get(server.port, "/broken")

    assert status == 500
    assert "out of luck" not in body
    assert get(server.port) == (200, "hello")
    assert server.health().ok


def test_garbage_is_refused(start_server: MakeServer) -> None:
    server = start_server()
    with connect(server) as connection:
        connection.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")

        assert connection.recv(1000).startswith(b"HTTP/1.0 400")

    assert get(server.port) == (200, "hello")


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 1500000\r\n\r\n",
        b"Content-Length: 9999999\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n200001\r\n",
    ],
    ids=["a little too large", "far too large", "chunked"],
)
def test_body_that_is_too_large_is_refused_in_the_words_of_the_api(settings: Settings, framing: bytes) -> None:
    with built(settings.model_copy(update={"web": WebSettings(max_request_mb=1)})) as parts:
        server = parts.component("http server")
        assert isinstance(server, HttpServer)
        server.start()
        try:
            status, content_type, problem = _post_much(server, parts.core.data_dir.secret("local_token"), framing)
        finally:
            server.stop(10)

    assert (status, content_type, problem["code"]) == (413, "application/problem+json", "request_too_large")


def _post_much(server: HttpServer, key: str, framing: bytes) -> tuple[int, str | None, dict[str, str]]:
    """Sends as much of a body as the server reads, and no more: what it did not read would reset the connection."""
    head = f"POST /api/v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    with connect(server) as connection:
        connection.sendall(head.encode() + b"Content-Type: application/json\r\n" + framing)
        if b"9999999" not in framing:
            connection.sendall(b" " * (1_500_000 if b"1500000" in framing else 2 * MEGABYTE))
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.headers["Content-Type"], json.loads(response.read())


def _refuses(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return False
    except OSError:
        return True
