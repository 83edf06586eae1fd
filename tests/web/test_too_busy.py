"""Requests that nobody had time for stand in the metrics, once, though the application never saw them."""

import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
from flask import Flask

from appliance.config.settings import WebSettings
from appliance.runtime.http_connections import Patience
from appliance.runtime.http_server import HttpServer
from appliance.web import too_busy
from tests.waiting import wait_until
from tests.web.conftest import MakeApi

SAMPLE = re.compile(r"^(http_requests\w*_total)\{(.*)\} (\S+)$", re.MULTILINE)


class Gate:
    """Lets requests through to the application once it is open."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self.standing = 0
        self.opened = threading.Event()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.standing += 1
        self.opened.wait()
        return self._app(environ, start)


class Crowd:
    """One request stands at the gate, one waits behind it, and more are refused."""

    def __init__(self, app: Flask) -> None:
        self._gate = Gate(app)
        refuse = partial(too_busy.refuse, app)
        self._server = HttpServer(self._gate, WebSettings(port=0, threads=1), Patience(waiting=1), refuse=refuse)
        self._threads = [threading.Thread(target=self.ask, args=("/nothing",)) for _ in range(2)]

    def gather(self) -> None:
        self._server.start()
        standing, waiting = self._threads
        standing.start()
        wait_until(lambda: self._gate.standing == 1)
        waiting.start()
        wait_until(lambda: len(self._server._server.task_dispatcher.queue) == 1)

    def disperse(self) -> None:
        self._gate.opened.set()
        for thread in self._threads:
            thread.join(60)

    def end(self) -> None:
        self.disperse()
        assert self._server.stop(60)

    def ask(self, path: str, body: bytes | None = None) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._server.port}{path}", body, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@pytest.fixture
def crowd(app: Flask) -> Iterator[Crowd]:
    crowd = Crowd(app)
    crowd.gather()
    yield crowd
    crowd.end()


def counted(make_api: MakeApi) -> dict[tuple[str, str], float]:
    text = make_api("read").get("/metrics").text
    return {(name, labels): float(value) for name, labels, value in SAMPLE.findall(text)}


def test_refused_requests_are_counted_by_whom_they_came_from_and_nowhere_else(crowd: Crowd, make_api: MakeApi) -> None:
    codes = [crowd.ask(path, b"{}") for path in ("/api/v1/messages", "/api/v1/batches?x=1", "/metrics")]
    codes += [crowd.ask(path) for path in ("/messages", "/made/up")]
    crowd.disperse()

    assert codes == [503] * 5
    assert counted(make_api) == {
        ("http_requests_refused_total", 'client="program"'): 3,
        ("http_requests_refused_total", 'client="person"'): 2,
        ("http_requests_total", 'method="GET",route="none",status="404"'): 2,
    }


def test_both_series_are_there_before_anybody_is_refused(app: Flask, make_api: MakeApi) -> None:
    """Else what Prometheus sees first is no increase."""
    found = counted(make_api)

    assert {labels: value for (name, labels), value in found.items() if name == "http_requests_refused_total"} == {
        'client="program"': 0,
        'client="person"': 0,
    }
