import json

import pytest

from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient, Parts

LETTER = '"to": ["ann@example.com"], "subject": "Hello", "text": "Hello Ann."'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "line 1"),
        (b"[]", "an array"),
        (b"null", "null"),
        (b"true", "true or false"),
        (b"7", "a number"),
        (b'"a text"', "a text"),
        (json.dumps(f"{{{LETTER}}}").encode(), "a text"),
        (b'{"subject": "\xff"}', "not UTF-8"),
        (f"{{{LETTER}}}".encode("utf-16"), "not UTF-8"),
        (f'{{{LETTER}, "subject": "Other"}}'.encode(), "'subject' occurs twice"),
        (f'{{{LETTER}, "metadata": {{"a": 1, "a": 2}}}}'.encode(), "'a' occurs twice"),
        (f'{{{LETTER}, "metadata": {{"a": NaN}}}}'.encode(), "NaN is no JSON number"),
        (f'{{{LETTER}, "metadata": {{"a": -Infinity}}}}'.encode(), "-Infinity is no JSON number"),
        (f'{{{LETTER}, "metadata": {{"a": {"9" * 5000}}}}}'.encode(), "digits"),
        (b'{"metadata": ' + b'{"a": ' * 100_000, "levels"),
        (b"[" * 400_000, "levels"),
        (b"[" * 1_000_000, "more than 500,000 values"),
        (f'{{{LETTER}, "metadata": {{"a": {"9" * 2000}}}}}'.encode(), "digits"),
        (f'{{{LETTER}, "metadata": {{"a": 0.{"9" * 2000}}}}}'.encode(), "digits"),
        (f"{{{LETTER}}} x".encode(), "Extra data"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_body_that_is_no_json_object_is_refused_with_the_reason(api: ApiClient, body: bytes, reason: str) -> None:
    answer = api._open("POST", "/api/v1/messages", {"data": body, "content_type": "application/json"})

    assert reason in problem_of(answer, 400, "invalid_json")["detail"]


def test_many_names_are_read_in_no_time(api: ApiClient) -> None:
    names = ", ".join(f'"field{number}": 1' for number in range(50_000))

    answer = api._open(
        "POST", "/api/v1/messages", {"data": f'{{{names}, "field7": 1}}', "content_type": "application/json"}
    )

    assert "'field7' occurs twice" in problem_of(answer, 400, "invalid_json")["detail"]


def test_byte_order_mark_and_charset_are_taken(api: ApiClient) -> None:
    answer = api._open(
        "POST",
        "/api/v1/messages",
        {"data": f"{{{LETTER}}}".encode("utf-8-sig"), "content_type": "application/json; charset=utf-8"},
    )

    assert answer.status_code == 202


def test_body_is_optional_only_where_none_is_needed(api: ApiClient) -> None:
    nothing = api._open("POST", "/api/v1/accounts/acc_mailbox/test", {})
    broken = api._open("POST", "/api/v1/accounts/acc_mailbox/test", {"data": "{", "content_type": "application/json"})
    undeclared = api._open("POST", "/api/v1/accounts/acc_mailbox/test", {"data": "{}"})

    assert nothing.status_code == 200
    problem_of(broken, 400, "invalid_json")
    problem_of(undeclared, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/v1/messages/msg_1"),
        ("POST", "/api/v1/messages/batch"),
        ("POST", "/api/v1/messages/bulk"),
        ("POST", "/api/v1/messages/msg_1/cancel"),
        ("POST", "/api/v1/retention/run"),
        ("GET", "/api/v1/accounts/acc_1"),
    ],
)
def test_option_that_an_operation_does_not_take_is_refused_and_nothing_is_done(
    api: ApiClient, method: str, path: str
) -> None:
    answer = api._open(method, f"{path}?dry_run=true", {})

    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json["errors"]] == [("dry_run", "unknown_field")]


@pytest.mark.parametrize("path", ["/api/v1/retention/run", "/api/v1/messages/msg_1/cancel", "/api/v1/backups"])
def test_body_that_nobody_reads_is_refused_by_name(api: ApiClient, path: str) -> None:
    answer = api.post(path, {"older_than_days": 3, "dry_run": True})

    assert wrong_fields(answer) == {"older_than_days": "unknown_field", "dry_run": "unknown_field"}


def test_retention_that_was_told_too_much_is_not_run(api: ApiClient, parts: Parts) -> None:
    api.post("/api/v1/retention/run", {"dry_run": True})
    assert parts.enqueued == []

    assert api.post("/api/v1/retention/run", {}).status_code == 202
    assert api._open("POST", "/api/v1/retention/run", {}).status_code == 202


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_body_that_is_no_object_is_refused_where_none_is_taken(api: ApiClient, content_type: str) -> None:
    answer = api._open("POST", "/api/v1/retention/run", {"data": "older=3", "headers": {"Content-Type": content_type}})

    assert "takes no body" in problem_of(answer, 400, "invalid_json")["detail"]
