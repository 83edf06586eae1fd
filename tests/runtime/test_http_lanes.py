"""Questions about health are answered while every other thread is taken, and too much is refused at once."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from appliance.config.settings import WebSettings
from appliance.runtime.http_connections import Patience
from appliance.runtime.http_server import HttpServer
from appliance.web import too_busy
from tests.waiting import wait_until

HEALTHS = ("/health", "/health/live", "/health/ready")


class Slow:
    """Every request but those for health stands still."""

    def __init__(self) -> None:
        self.standing = 0
        self.gate = threading.Event()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] not in HEALTHS:
            self.standing += 1
            self.gate.wait()
        start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]


@pytest.fixture
def slow() -> Iterator[tuple[Slow, int]]:
    app = Slow()
    server = HttpServer(app, WebSettings(port=0, threads=4))
    server.start()
    yield app, server.port
    app.gate.set()
    assert server.stop(5)


def ask(port: int, path: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return int(answer.status)


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/health?x=1"])
def test_health_answers_while_all_threads_stand_still(slow: tuple[Slow, int], path: str) -> None:
    app, port = slow
    others = [threading.Thread(target=ask, args=(port, f"/messages?{number}")) for number in range(12)]
    for one in others:
        one.start()
    wait_until(lambda: app.standing == 4)

    assert ask(port, path) == 200
    assert app.standing == 4

    app.gate.set()
    for one in others:
        one.join(5)
    assert app.standing == 12


def test_what_only_looks_like_health_waits_with_the_others(slow: tuple[Slow, int]) -> None:
    app, port = slow
    thread = threading.Thread(target=ask, args=(port, "/healthy"))
    thread.start()

    wait_until(lambda: app.standing == 1)

    app.gate.set()
    thread.join(5)


@pytest.fixture
def crowded() -> Iterator[tuple[Slow, int]]:
    """As many stand and wait as may. At the end all of them were served."""
    app = Slow()
    server = HttpServer(app, WebSettings(port=0, threads=4), Patience(waiting=8), refuse=too_busy.answer)
    server.start()
    others = [threading.Thread(target=ask, args=(server.port, f"/messages?{number}")) for number in range(12)]
    for number, one in enumerate(others, 1):
        one.start()
        wait_until(lambda: app.standing == min(number, 4))  # noqa: B023 - it is over before the next one
    wait_until(lambda: len(server._server.task_dispatcher.queue) == 8)
    yield app, server.port
    app.gate.set()
    for one in others:
        one.join(5)
    assert app.standing >= 12
    assert server.stop(5)


def refusal(port: int, path: str = "/api/v1/messages", **headers: str) -> urllib.error.HTTPError:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", b"{}", sent)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    return refused.value


def test_more_than_may_wait_are_refused_at_once_and_told_when_to_come_again(crowded: tuple[Slow, int]) -> None:
    app, port = crowded

    refused = refusal(port, X_Request_ID="req_of_a_client")

    assert refused.code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["Connection"] == "close"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["X-Content-Type-Options"] == "nosniff"
    assert refused.headers["X-Request-ID"] == "req_of_a_client"
    said = json.load(refused)
    assert (said["code"], said["status"]) == ("temporarily_unavailable", 503)
    assert said["request_id"] == "req_of_a_client"
    assert app.standing == 4


def test_person_is_refused_in_words_and_not_in_json(crowded: tuple[Slow, int]) -> None:
    refused = refusal(crowded[1], "/messages", X_Request_ID="not acceptable")

    assert refused.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "try again" in refused.read().decode()
    assert refused.headers["X-Request-ID"].startswith("req_")


def test_too_large_a_body_does_not_bring_the_application_to_where_others_are_refused(crowded: tuple[Slow, int]) -> None:
    app, port = crowded
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"POST /api/v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n")

        assert client.recv(100).startswith(b"HTTP/1.1 503 ")

    assert refusal(port).code == 503
    assert app.standing == 4


def test_what_is_no_request_is_told_so_and_not_counted_as_refused(crowded: tuple[Slow, int]) -> None:
    with capture_logs() as lines, socket.create_connection(("127.0.0.1", crowded[1]), timeout=5) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n")

        assert client.recv(100).startswith(b"HTTP/1.1 400 ")

    assert lines == []


def test_health_is_answered_while_others_are_refused(crowded: tuple[Slow, int]) -> None:
    assert [ask(crowded[1], path) for path in HEALTHS] == [200, 200, 200]


def test_once_there_is_room_again_everybody_is_served(crowded: tuple[Slow, int]) -> None:
    app, port = crowded

    app.gate.set()

    wait_until(lambda: app.standing >= 12)
    assert ask(port, "/messages") == 200
