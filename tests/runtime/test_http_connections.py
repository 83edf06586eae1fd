"""Clients that mean no good, over real sockets: slow, many, large, and such as no two programs read alike."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from flask import Flask, request

from appliance.config.settings import WebSettings
from appliance.runtime.http_connections import MOST_FIELDS, Patience
from appliance.runtime.http_server import HttpServer
from tests.waiting import wait_until

HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
LARGE = 40 * 1024 * 1024  # more than any buffer on the way holds


class Site:
    """Says what it got; one page waits, another is larger than what a client fetches at once."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.waiting = self.torn = 0
        self.seen: list[str] = []
        self.app = Flask(__name__)
        self.app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
        self.app.before_request(lambda: self.seen.append(f"{request.method} {request.full_path.rstrip('?')}"))
        self.app.add_url_rule("/", "hello", lambda: "hello")
        self.app.add_url_rule("/echo", "echo", lambda: request.get_data(), methods=["POST"])
        self.app.add_url_rule("/slow", view_func=self._slow)
        self.app.add_url_rule("/large", view_func=self._large)

    def _slow(self) -> str:
        self.waiting += 1
        self.gate.wait(20)
        return "at last"

    def _large(self) -> Any:
        def pieces() -> Iterator[bytes]:
            try:
                for _ in range(LARGE // 65536):
                    yield bytes(65536)
            finally:
                self.torn += 1

        return pieces()


Start = Callable[..., HttpServer]


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.gate.set()


@pytest.fixture
def start(site: Site) -> Iterator[Start]:
    made: list[HttpServer] = []

    def start(threads: int = 4, **patience: float) -> HttpServer:
        settings = WebSettings(port=0, threads=threads, max_request_mb=1)
        server = HttpServer(site.app, settings, Patience(**patience))  # type: ignore[arg-type]
        made.append(server)
        server.start()
        return server

    yield start
    site.gate.set()
    assert all(server.stop(10) for server in made)


def connect(server: HttpServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def exchange(server: HttpServer, sent: bytes) -> bytes:
    """All that comes back for `sent` until the server closes."""
    with connect(server) as connection:
        connection.sendall(sent)
        return rest_of(connection)


def rest_of(connection: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


def answers(server: HttpServer) -> bool:
    return exchange(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").endswith(b"hello")


def drip(connection: socket.socket, byte: bytes = b"a") -> bool:
    """Whether the server still takes one byte more."""
    connection.settimeout(0.05)
    try:
        connection.sendall(byte)
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nX-A: ",
        HEAD + b"Content-Length: 900000\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["first line", "header", "body", "chunked body"],
)
def test_request_that_drips_is_given_up_although_each_byte_is_in_time(start: Start, begun: bytes) -> None:
    server = start(head=0.5, body=0.5, idle=60)
    with connect(server) as connection:
        connection.sendall(begun)

        wait_until(lambda: not drip(connection))

    assert answers(server)


def test_connection_that_says_nothing_is_given_up(start: Start) -> None:
    server = start(idle=0.5)
    with connect(server) as connection:
        assert connection.recv(1) == b""


def test_body_that_comes_at_a_pace_is_taken_however_long_it_takes(start: Start) -> None:
    server = start(body=0.1, body_bytes_per_second=100, head=60)
    with connect(server) as connection:
        connection.sendall(HEAD + b"Connection: close\r\nContent-Length: 4000\r\n\r\n")
        for _ in range(40):
            connection.sendall(b"x" * 100)
            threading.Event().wait(0.05)

        assert rest_of(connection).endswith(b"x" * 4000)


def test_request_that_is_served_for_long_is_not_given_up(start: Start, site: Site) -> None:
    server = start(idle=0.2, head=0.2, body=0.2, stalled_answer=0.2)
    with connect(server) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        wait_until(lambda: site.waiting)
        threading.Event().wait(2.5)  # two looks at the connections
        site.gate.set()

        assert rest_of(connection).endswith(b"at last")


def test_answers_that_nobody_fetches_hold_no_thread(start: Start, site: Site) -> None:
    server = start(threads=2, stalled_answer=0.5)
    with ExitStack() as stack:
        for _ in range(2):
            connection = stack.enter_context(connect(server))
            connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")

        assert answers(server)
        wait_until(lambda: site.torn == 2)


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\n", HEAD + b"Content-Length: 9\r\n\r\n1"])
def test_flood_of_half_open_connections_stops_nobody(start: Start, begun: bytes) -> None:
    server = start(connections=40, head=60, body=60, idle=60)
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connect(server)).sendall(begun)

        assert all(answers(server) for _ in range(20))


def test_in_a_flood_who_was_served_before_keeps_the_connection(start: Start) -> None:
    server = start(connections=40)
    with ExitStack() as stack:
        kept = stack.enter_context(connect(server))
        kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(1000).endswith(b"hello")
        for _ in range(200):
            stack.enter_context(connect(server)).sendall(b"GET / HTTP/1.1\r\n")
        assert answers(server)

        kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

        assert kept.recv(1000).endswith(b"hello")


def test_in_a_flood_requests_that_are_served_are_finished(start: Start, site: Site) -> None:
    server = start(connections=40)
    with ExitStack() as stack:
        served = stack.enter_context(connect(server))
        served.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        wait_until(lambda: site.waiting)
        for _ in range(200):
            stack.enter_context(connect(server)).sendall(b"GET / HTTP/1.1\r\n")
        assert answers(server)

        site.gate.set()

        assert rest_of(served).endswith(b"at last")


def test_bodies_that_are_not_complete_do_not_fill_the_disk(start: Start) -> None:
    server = start(bodies=1_000_000)
    with ExitStack() as stack:
        for _ in range(8):
            connection = stack.enter_context(connect(server))
            connection.sendall(HEAD + b"Content-Length: 500000\r\n\r\n" + bytes(250_000))
        [channels] = [server._server.active_channels]

        wait_until(lambda: sum(channel.held_bytes() for channel in channels.values()) <= 1_000_000)

        assert len(channels) >= 3
        assert answers(server)


@pytest.mark.parametrize(
    "flood",
    [
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(20_000)) + b"\r\n",
        b"GET / HTTP/1.1\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["many headers", "a long header", "a long address"],
)
def test_head_that_is_too_large_is_refused_before_it_is_whole(start: Start, site: Site, flood: bytes) -> None:
    server = start()

    assert exchange(server, flood).startswith(b"HTTP/1.0 431")
    assert site.seen == []


@pytest.mark.parametrize("field", [b"X-%d: a\r\n", b"X-A: %d\r\n", b" folded %d\r\n"])
def test_head_of_very_many_lines_is_refused_before_they_are_looked_at(start: Start, site: Site, field: bytes) -> None:
    """All of the same name, waitress would write them into one line, which takes longer with each."""
    server = start()
    few, many = (b"".join(field % number for number in range(count)) for count in (MOST_FIELDS - 10, MOST_FIELDS + 1))

    refused = exchange(server, b"GET / HTTP/1.1\r\nHost: x\r\nX-First: a\r\n" + many + b"\r\n")
    answered = exchange(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-First: a\r\n" + few + b"\r\n")

    assert refused.split()[1] == b"431"
    assert (answered.split()[1], answered[-5:]) == (b"200", b"hello")
    assert site.seen == ["GET /"]


@pytest.mark.parametrize(
    "size", [b"-1", b"0x10", b"1_0", b"+5", b"5, 5", b"99999999999999999999999", "５".encode(), b""]
)
def test_length_that_is_no_number_is_refused(start: Start, site: Site, size: bytes) -> None:
    server = start()

    answer = exchange(server, HEAD + b"Connection: close\r\nContent-Length: " + size + b"\r\n\r\nhello")

    assert answer.split()[1] in (b"400", b"413")
    assert b"hello" not in answer


HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(b"0\r\n\r\n" + HIDDEN)


@pytest.mark.parametrize(
    "framing",
    [
        LENGTH + b"Content-Length: 5\r\n",
        LENGTH + b"Transfer-Encoding: xchunked\r\n",
        LENGTH + b"Transfer-Encoding: chunked, identity\r\n",
        LENGTH + b"Transfer-Encoding : chunked\r\n",
        LENGTH + b"X-A: b\r\n\tTransfer-Encoding: chunked\r\n Content-Length: 0\r\n",
        LENGTH + b"X: a\nTransfer-Encoding: chunked\r\n",
        LENGTH + b"Transfer-Encoding:\x0bchunked\r\n",
        LENGTH + b'Transfer-Encoding: "chunked"\r\n',
        LENGTH + b"Transfer\x00-Encoding: chunked\r\n",
    ],
    ids=["two lengths", "xchunked", "identity", "space", "folded", "bare LF", "control", "quoted", "NUL"],
)
def test_no_second_request_is_hidden_in_a_body(start: Start, site: Site, framing: bytes) -> None:
    server = start()

    exchange(server, HEAD + framing + b"Connection: close\r\n\r\n0\r\n\r\n" + HIDDEN)

    assert "GET /hidden" not in site.seen


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_body_with_two_framings_is_refused(start: Start, site: Site, version: bytes) -> None:
    server, head = start(), HEAD.replace(b"1.1", version)

    answer = exchange(server, head + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN)

    assert answer.split()[1] == b"400"
    assert site.seen == []


@pytest.mark.parametrize(
    "chunk",
    [
        b"-1\r\na\r\n",
        b"zz\r\n",
        b"5\r\nabcdefg\r\n",
        b"0x5\r\nhello\r\n",
        b"5\nhello\r\n",
        b"5 ;a\r\nhelloX0\r\n",
        b"f" * 40,
    ],
)
def test_chunk_that_is_malformed_is_refused(start: Start, chunk: bytes) -> None:
    server = start(body=1)

    answer = exchange(
        server, HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + b"\r\n0\r\n\r\n"
    )

    assert answer == b"" or answer.split()[1] in (b"400", b"413")


def test_chunks_without_end_are_refused_at_the_limit(start: Start) -> None:
    server = start()
    with connect(server) as connection, suppress(OSError):
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(64):
            connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")

        assert rest_of(connection).split()[1] == b"413"


def test_many_requests_at_once_on_a_connection_are_answered_one_by_one(start: Start, site: Site) -> None:
    server = start()

    answer = exchange(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 500 + b"GET / HTTP/1.0\r\n\r\n")

    assert answer.count(b"hello") == 501
