import json

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from appliance.errors import ApplianceError, Conflict, StorageUnavailable, Unavailable
from appliance.web.api.authentication import needs
from appliance.web.api.errors import CODES
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient

LETTER = {"to": ["ann@example.com"], "subject": "Hello", "text": "Hello Ann."}


def failing(app: Flask, error: Exception) -> None:
    """Lets the list of messages fail."""

    @needs("read")
    def fail() -> None:
        raise error

    app.view_functions["api.messages.index"] = fail


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/message", "/api/v1/messages/a/b/c", "/api/v2/messages"])
def test_unknown_address_is_not_found(api: ApiClient, path: str) -> None:
    problem_of(api.get(path), 404, "not_found")


def test_wrong_method_names_the_right_ones(api: ApiClient) -> None:
    answer = api.delete("/api/v1/messages")

    problem_of(answer, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/messages", "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/messages/batch", "OPTIONS, POST"),
        ("/api/v1/suppressions/export", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_names_the_methods_of_that_address(api: ApiClient, path: str, methods: str) -> None:
    assert api._open("OPTIONS", path, {}).headers["Allow"] == methods


def test_method_that_nobody_knows_is_refused(client: FlaskClient) -> None:
    problem_of(client.open("/api/v1/messages", method="BREW"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}]
)
def test_body_that_is_not_declared_as_json_is_refused(api: ApiClient, headers: dict[str, str]) -> None:
    answer = api._open("POST", "/api/v1/messages", {"data": json.dumps(LETTER), "headers": headers})

    problem_of(answer, 415, "unsupported_media_type")


def test_body_that_is_too_large_is_refused(api: ApiClient, app: Flask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1000

    answer = api.post("/api/v1/messages", LETTER | {"text": "x" * 1000})

    problem_of(answer, 413, "request_too_large")


def test_every_wrong_field_is_named_at_once(api: ApiClient) -> None:
    answer = api.post(
        "/api/v1/messages",
        {
            "to": ["ann", {"email": "bob", "nam": "Bob"}, 7],
            "from": "nobody",
            "headers": {"X-Fine": "yes", "From": "a@example.com", "X-Evil": "a\r\nBcc: eve@example.com"},
            "tags": ["fine", ""],
            "priority": "urgent",
            "attachments": [{"id": "att_1", "content": "aGVsbG8="}],
            "metadata": {"count": [1]},
            "subjekt": "Hello",
        },
    )

    assert wrong_fields(answer) == {
        "to[0]": "invalid",
        "to[1].email": "invalid",
        "to[1].nam": "invalid",
        "to[2]": "invalid",
        "from": "invalid",
        "headers.From": "invalid",
        "headers.X-Evil": "invalid",
        "tags[1]": "invalid",
        "priority": "invalid",
        "attachments[0]": "invalid",
        "subject": "required",
        "text": "required",
        "subjekt": "unknown_field",
    }


def test_what_is_wrong_with_files_is_named_with_the_limits(api: ApiClient) -> None:
    crowd = [f"r{number}@example.com" for number in range(101)]
    files = [{"id": "att_none"}, {"filename": "a.txt", "content": "?"}]

    answer = api.post("/api/v1/messages", LETTER | {"to": crowd, "attachments": files})

    assert wrong_fields(answer) == {
        "attachments[0].id": "not_found",
        "attachments[1].content": "invalid",
        "to": "too_many",
    }


def test_wrong_parameter_of_a_query_is_named(api: ApiClient) -> None:
    answer = api.get("/api/v1/messages?limit=0&status=lost&colour=red&since=yesterday")

    assert wrong_fields(answer) == {
        "limit": "invalid",
        "status[0]": "invalid",
        "since": "invalid",
        "colour": "unknown_field",
    }


def test_fault_of_ours_tells_nothing_but_the_request_id(app: Flask, api: ApiClient) -> None:
    failing(app, RuntimeError("the password is hunter2"))

    answer = api.get("/api/v1/messages")

    problem_of(answer, 500, "internal_error")
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("error", "code"),
    [(StorageUnavailable("disk full"), "storage_unavailable"), (Unavailable("the broker"), "temporarily_unavailable")],
)
def test_what_helps_to_repeat_says_when(app: Flask, api: ApiClient, error: Exception, code: str) -> None:
    failing(app, error)

    answer = api.get("/api/v1/messages")

    problem_of(answer, 503, code)
    assert int(answer.headers["Retry-After"]) > 0


def test_conflict_is_told_as_one(app: Flask, api: ApiClient) -> None:
    failing(app, Conflict("There is a template of that name already."))

    assert problem_of(api.get("/api/v1/messages"), 409, "conflict")["detail"].startswith("There is a template")


@pytest.mark.parametrize(("status", "code"), [(400, "bad_request"), (418, "bad_request"), (501, "internal_error")])
def test_error_of_http_has_a_code_of_the_list(app: Flask, api: ApiClient, status: int, code: str) -> None:
    @needs("read")
    def fail() -> None:
        abort(status)

    app.view_functions["api.messages.index"] = fail

    problem_of(api.get("/api/v1/messages"), status, code)


def test_error_that_nobody_gave_a_code_is_our_fault(app: Flask, api: ApiClient) -> None:
    failing(app, ApplianceError("of no kind"))

    problem_of(api.get("/api/v1/messages"), 500, "internal_error")


def test_each_kind_of_error_has_its_own_code() -> None:
    assert len({code.code for code in CODES.values()}) == len(CODES)
