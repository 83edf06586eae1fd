"""A receiver of webhooks over real sockets, which can be told to misbehave."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests import certificates


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]


Behaviour = Callable[["_Handler"], None]


class WebhookReceiver:
    """Answers each request with the next of `answers`, and with 204 once they are used up.

    An answer is a status, or a function that is handed the request handler. Use it as a context manager.
    """

    def __init__(self, *answers: int | Behaviour, tls: bool = False) -> None:
        self.answers = list(answers)
        self.received: list[Received] = []
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.receiver = self  # type: ignore[attr-defined]
        if tls:
            self._server.socket = certificates.server_context().wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{self.port}/hooks"

    def __enter__(self) -> "WebhookReceiver":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def ids(self) -> list[str]:
        return [one.webhook_id for one in self.received]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver: WebhookReceiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.received.append(Received(self.path, headers, body, self.client_address))
        answer = receiver.answers.pop(0) if receiver.answers else 204
        if callable(answer):
            answer(self)
        else:
            answer_with(answer)(self)

    def log_message(self, *_: Any) -> None:
        pass

    def finish(self) -> None:
        with suppress(OSError):  # the other side has had enough
            super().finish()


def answer_with(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    def behave(handler: _Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def hang(handler: _Handler) -> None:
    """Says nothing until the receiver is closed."""
    _receiver(handler).closing.wait()
    handler.close_connection = True


def hang_up(handler: _Handler) -> None:
    handler.close_connection = True


def drip_headers(handler: _Handler) -> None:
    """One byte after the other, without an end."""
    _drip(handler, b"HTTP/1.1 200 OK\r\nX-Long: ", b"x")


def drip_body(handler: _Handler) -> None:
    _drip(handler, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhello", b".")


def endless_body(handler: _Handler) -> None:
    _pour(handler, b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)


def endless_continue(handler: _Handler) -> None:
    _pour(handler, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def garbage(handler: _Handler) -> None:
    handler.wfile.write(b"220 smtp.example.com ESMTP\r\n")
    handler.close_connection = True


def _drip(handler: _Handler, first: bytes, then: bytes) -> None:
    _pour(handler, first, then, pause=0.01)


def _pour(handler: _Handler, first: bytes, then: bytes, pause: float = 0) -> None:
    handler.close_connection = True
    closing = _receiver(handler).closing
    try:
        handler.wfile.write(first)
        while not closing.wait(pause):
            handler.wfile.write(then)
    except OSError:
        pass  # cut off, as it should be


def _receiver(handler: _Handler) -> WebhookReceiver:
    receiver: WebhookReceiver = handler.server.receiver  # type: ignore[attr-defined]
    return receiver
