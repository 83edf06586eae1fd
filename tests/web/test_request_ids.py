import re

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from tests.web.conftest import ApiClient

MADE = re.compile(r"req_[0-9a-f]{24}")
PATHS = [
    "/health/live",
    "/api/v1/messages",
    "/nothing",
    "/api/v1/nothing",
    "/static/none",
    "/sign-in",
    "/api/openapi.json",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_id_of_its_request(client: FlaskClient, path: str) -> None:
    assert MADE.fullmatch(client.get(path).headers["X-Request-ID"])
    assert client.get(path, headers={"X-Request-ID": "order-1041"}).headers["X-Request-ID"] == "order-1041"
    assert client.post(path).headers["X-Request-ID"]


def test_two_requests_have_two_ids(client: FlaskClient) -> None:
    first, second = client.get("/health/live"), client.get("/health/live")

    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]


@pytest.mark.parametrize("given", ["", " ", "x" * 129, "a b", "<script>", "ü", "a\tb", '"'])
def test_id_of_another_form_is_replaced(client: FlaskClient, given: str) -> None:
    assert MADE.fullmatch(client.get("/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"])


def test_longest_id_is_kept(client: FlaskClient) -> None:
    given = "a" * 128

    assert client.get("/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


def test_log_of_a_request_carries_its_id_and_nothing_after_it(app: Flask, api: ApiClient) -> None:
    seen = []

    def fail() -> None:
        seen.append(structlog.contextvars.get_contextvars().get("request_id"))
        raise RuntimeError("broken")

    app.view_functions["health.live"] = fail

    answer = api.get("/health/live", headers={"X-Request-ID": "order-1041"})

    assert answer.status_code == 500
    assert seen == ["order-1041"]
    assert "request_id" not in structlog.contextvars.get_contextvars()
