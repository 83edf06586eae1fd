"""Questions about health are answered while every other thread is taken."""

import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from appliance.config.settings import WebSettings
from appliance.runtime.http_server import HttpServer
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
