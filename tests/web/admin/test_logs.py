"""The log in the browser: what is asked for, and what has come since."""

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from appliance.config.log_ring import LogRing
from appliance.web.context import WebContext


@pytest.fixture
def ring() -> LogRing:
    return LogRing()


@pytest.fixture
def web_context(web_context: WebContext, ring: LogRing) -> WebContext:
    telemetry = replace(web_context.telemetry, logs=ring.recent, log_components=ring.components)
    return replace(web_context, telemetry=telemetry)


def add(
    ring: LogRing, event: str, level: str = "info", logger: str = "appliance.services.delivery", **fields: Any
) -> None:
    ring.add({"timestamp": "2026-03-10T12:00:00+00:00", "level": level, "logger": logger, "event": event, **fields})


def test_lines_stand_there_the_newest_first(alice: FlaskClient, ring: LogRing) -> None:
    add(ring, "first thing")
    add(ring, "second <thing>", "error", account="Shop", request_id="req_1", exception="Traceback: it broke")

    page = alice.get("/logs").text

    assert page.index("second &lt;thing&gt;") < page.index("first thing")
    assert "Traceback: it broke" in page
    assert "Shop" in page
    assert 'href="/logs?request_id=req_1"' in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("level=warning", ["three"]),
        ("component=web", ["two"]),
        ("request_id=req_2", ["two"]),
        ("q=THREE", ["three"]),
        ("q=nothing", []),
        ("level=loud", ["three", "two", "one"]),
    ],
)
def test_filters(alice: FlaskClient, ring: LogRing, query: str, found: list[str]) -> None:
    add(ring, "number one")
    add(ring, "number two", logger="appliance.web.app", request_id="req_2")
    add(ring, "number three", "error")

    page = alice.get(f"/logs?{query}").text

    assert [number for number in ("three", "two", "one") if f"number {number}" in page] == found


def test_the_tail_has_what_has_come_since(alice: FlaskClient, ring: LogRing) -> None:
    add(ring, "old")
    assert 'data-last="1"' in alice.get("/logs").text

    nothing = alice.get("/logs/tail?after=1").json
    assert nothing is not None
    assert (nothing["last"], nothing["rows"].strip()) == (1, "")
    add(ring, "new")
    add(ring, "newest", "error")

    tail = alice.get("/logs/tail?after=1").json
    assert tail is not None
    assert tail["last"] == 3
    assert tail["rows"].index("newest") < tail["rows"].index("new</strong>")
    assert "old" not in tail["rows"]
    filtered = alice.get("/logs/tail?after=1&level=error").json
    assert filtered is not None
    assert "new</strong>" not in filtered["rows"]


def test_the_tail_follows_the_filter_of_the_page(alice: FlaskClient, ring: LogRing) -> None:
    assert 'data-tail="/logs/tail?level=error"' in alice.get("/logs?level=error").text
