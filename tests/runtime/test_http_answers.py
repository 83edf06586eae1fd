"""What of an answer goes out together."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser

from appliance.runtime.http_answers import Answer


class Line:
    """A channel that keeps each piece that it is given to send."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self.adj = Adjustments()
        self.server = SimpleNamespace(
            application=application, adj=self.adj, server_name="here", effective_port=80, effective_host="here"
        )
        self.addr = ("127.0.0.1", 1234)
        self.creation_time = 0
        self.check_client_disconnected = lambda: False
        self.pieces: list[bytes] = []

    def write_soon(self, data: bytes) -> int:
        self.pieces.append(data)
        return len(data)


def answered(body: Iterable[bytes], **headers: str) -> list[bytes]:
    def application(_environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [(name.replace("_", "-"), value) for name, value in headers.items()])
        return body

    line = Line(application)
    request = HTTPRequestParser(line.adj)
    request.received(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    Answer(line, request).service()
    return line.pieces


def test_head_and_body_are_one_piece() -> None:
    [piece] = answered([b"hello"], Content_Length="5")

    assert piece.startswith(b"HTTP/1.1 200 OK\r\n")
    assert piece.endswith(b"\r\n\r\nhello")


def test_body_that_comes_bit_by_bit_is_sent_as_it_comes() -> None:
    first, *others = answered(iter([b"one", b"two", b"three"]), Content_Length="11")

    assert first.endswith(b"\r\n\r\none")
    assert others == [b"two", b"three"]


def test_body_of_unknown_length_is_chunked() -> None:
    first, *others = answered(iter([b"one", b"two"]))

    assert b"Transfer-Encoding: chunked" in first
    assert first.endswith(b"\r\n\r\n3\r\none\r\n")
    assert others == [b"3\r\ntwo\r\n", b"0\r\n\r\n"]


def test_head_without_a_body_is_sent_by_itself() -> None:
    [piece] = answered([], Content_Length="0")

    assert piece.endswith(b"\r\n\r\n")
