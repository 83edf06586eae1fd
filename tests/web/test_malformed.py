"""What is no HTTP request never reaches the application; its sender is told so as by the application."""

import json
import socket
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPResponse
from typing import Any

import pytest

from appliance.config.settings import WebSettings
from appliance.runtime.http_server import HttpServer
from appliance.web.api.documents import Problem
from appliance.web.api.error_codes import ERROR_CODES

POST = b"POST /api/v1/messages HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: mine-1\r\n"
MALFORMED = {
    "length that is no number": (POST + b"Content-Length: many\r\n\r\n", 400, "mine-1"),
    "length and chunks": (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "mine-1"),
    "chunk without a size": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "mine-1"),
    "coding that nobody knows": (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501, "mine-1"),
    "head that is too large": (POST + b"X-Large: " + b"x" * 100_000 + b"\r\n\r\n", 431, None),
    "too many lines": (POST + b"X-One: 1\r\n" * 300 + b"\r\n", 431, None),
    "no request line": (b"\x16\x03\x01\x02\x00\r\n\r\n", 400, None),
    "header without a name": (POST + b": nothing\r\n\r\n", 400, "mine-1"),
    "id that is none": (POST.replace(b"mine-1", b"<b>") + b"Content-Length: many\r\n\r\n", 400, None),
}


def app(_environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    start("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def broken(_environ: dict[str, Any], _start: Callable[..., Any]) -> Iterable[bytes]:
    raise RuntimeError("a secret of the appliance")


@pytest.fixture
def port() -> Iterator[int]:
    server = HttpServer(app, WebSettings(port=0))
    server.start()
    yield server.port
    assert server.stop(5)


def exchange(port: int, request: bytes) -> tuple[HTTPResponse, bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        answer = HTTPResponse(connection)
        answer.begin()
        return answer, answer.read()


@pytest.mark.parametrize(("request_", "status", "request_id"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_request_is_refused_in_the_form_of_all_errors(
    port: int, request_: bytes, status: int, request_id: str | None
) -> None:
    answer, body = exchange(port, request_)

    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    problem = Problem.model_validate(json.loads(body))
    assert (problem.code, problem.status, problem.type) == ("bad_request", status, ERROR_CODES["bad_request"].page)
    assert problem.request_id == answer.headers["X-Request-ID"]
    assert problem.request_id == request_id or (request_id is None and problem.request_id.startswith("req_"))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"waitress" not in body.lower()
    assert len(body) < 2000


def test_fault_that_the_application_did_not_catch_keeps_its_secrets() -> None:
    server = HttpServer(broken, WebSettings(port=0))
    server.start()

    answer, body = exchange(server.port, b"GET /api/v1/messages HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert server.stop(5)
    assert (answer.status, json.loads(body)["code"]) == (500, "internal_error")
    assert b"secret" not in body
