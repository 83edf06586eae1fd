"""Whatever a client sends, it gets an answer, and never one that says that the fault was ours.

`FUZZ_EXAMPLES=20000 pytest tests/web/api/test_fuzz.py` looks longer.
"""

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from appliance.web.api.account_schemas import AccountRequest
from appliance.web.api.documents import Problem
from appliance.web.api.error_codes import ERROR_CODES
from appliance.web.api.schemas import MessageRequest
from tests.web.conftest import ApiClient

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "200"))
SLOWEST = 5.0  # seconds: far above what any request takes, far below a hang

fuzz = settings(
    max_examples=EXAMPLES,
    deadline=SLOWEST * 1000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ODD = st.sampled_from(
    ["", "\0", "\ud800", "a\r\nBcc: eve@example.com", "🎈" * 300, "=?utf-8?b?", "<>", '"', "x" * 5000]
)
FINE = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=30)
TEXT = FINE | FINE | FINE | st.text() | ODD
NUMBER = st.integers() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.none() | st.booleans() | NUMBER | TEXT
ANYTHING = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
EMAIL = (
    st.emails()
    | st.sampled_from(["ann@example.com", "Ann <ann@example.com>", "root@localhost", "用户@例子.公司"])
    | TEXT
)
ADDRESS = EMAIL | EMAIL | st.fixed_dictionaries({"email": EMAIL}, optional={"name": TEXT}) | ANYTHING
ATTACHMENT = st.fixed_dictionaries(
    {},
    optional={
        "id": TEXT,
        "filename": TEXT,
        "content": st.sampled_from(["aGVsbG8=", "aGVsbG8", "?"]) | TEXT,
        "content_type": st.sampled_from(["text/plain", "multipart/mixed", "x/y; z=1"]) | TEXT,
        "content_id": TEXT,
    },
)
MESSAGE = st.fixed_dictionaries(
    {"to": st.lists(ADDRESS, max_size=3), "subject": TEXT, "text": TEXT},
    optional={
        "cc": st.lists(ADDRESS, max_size=2),
        "bcc": st.lists(ADDRESS, max_size=2),
        "reply_to": st.lists(ADDRESS, max_size=2),
        "from": ADDRESS,
        "html": TEXT | ANYTHING,
        "headers": st.dictionaries(st.sampled_from(["X-A", "x-a", "List-Id", "Subject"]) | TEXT, TEXT, max_size=3),
        "tags": st.lists(TEXT, max_size=3),
        "metadata": st.dictionaries(TEXT, ANYTHING, max_size=3),
        "priority": st.sampled_from(["high", "normal", "low"]) | ANYTHING,
        "account": st.sampled_from(["acc_mailbox"]) | TEXT,
        "attachments": st.lists(ATTACHMENT, max_size=2),
    },
)
ACCOUNT = st.fixed_dictionaries(
    {"name": TEXT, "email": EMAIL},
    optional={
        "transport": st.sampled_from(["smtp", "mailbox"]) | ANYTHING,
        "host": st.sampled_from(["smtp.example.com", "[::1]", "127.0.0.1"]) | TEXT,
        "port": NUMBER | ANYTHING,
        "security": st.sampled_from(["none", "starttls", "tls"]) | ANYTHING,
        "username": TEXT,
        "password": TEXT,
        "daily_limit": NUMBER | ANYTHING,
        "priority": NUMBER | ANYTHING,
        "active": st.booleans() | ANYTHING,
    },
)
USUAL_ADDRESS = st.emails() | st.fixed_dictionaries({"email": st.emails()}, optional={"name": FINE})
USUAL_MESSAGE = st.fixed_dictionaries(
    {"to": st.lists(USUAL_ADDRESS, min_size=1, max_size=3), "subject": st.text(max_size=300), "text": st.text()},
    optional={
        "bcc": st.lists(USUAL_ADDRESS, max_size=2),
        "from": USUAL_ADDRESS,
        "html": st.text() | st.text("<>&;#/=\"' abp\n"),
        "headers": st.dictionaries(st.sampled_from(["X-A", "List-Id"]), FINE, max_size=2),
        "tags": st.lists(FINE, max_size=3),
        "metadata": st.dictionaries(FINE, ANYTHING, max_size=3),
        "priority": st.sampled_from(["high", "normal", "low"]),
        "attachments": st.lists(
            st.fixed_dictionaries({"filename": FINE, "content": st.just("aGVsbG8=")}, optional={"content_type": TEXT}),
            max_size=2,
        ),
    },
)
USUAL_ACCOUNT = st.fixed_dictionaries(
    {"name": FINE, "email": st.emails(), "host": st.just("smtp.example.com"), "username": FINE},
    optional={
        "port": st.integers(1, 65535),
        "password": st.text(),
        "daily_limit": st.none() | st.integers(0, 10**6),
        "priority": st.integers(-1000, 1000),
        "active": st.booleans(),
    },
)
NAMES = [
    field.alias or name for model in (MessageRequest, AccountRequest) for name, field in model.model_fields.items()
]
ANY_FIELDS = st.dictionaries(st.sampled_from(NAMES) | TEXT, ANYTHING, max_size=6)
RAW = (
    st.binary(max_size=300)
    | st.text(alphabet='{}[]",:0123456789.eE+-\\u tfn', max_size=200).map(str.encode)
    | ANYTHING.map(lambda value: json.dumps(value).encode())
)


def check(answer: TestResponse) -> None:
    """An answer in good order; 503 would be one, any other 5xx is our fault."""
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    assert answer.headers["X-Request-ID"]
    if answer.status_code >= 400:
        problem = Problem.model_validate(answer.get_json())
        assert problem.code in ERROR_CODES
        assert problem.errors or problem.code != "invalid_fields"


def send(api: ApiClient, path: str, body: bytes) -> TestResponse:
    return api._open("POST", path, {"data": body, "content_type": "application/json"})


@pytest.mark.parametrize("path", ["/api/v1/messages", "/api/v1/accounts"])
def test_any_bytes_get_an_answer(api: ApiClient, path: str) -> None:
    @fuzz
    @given(RAW)
    def run(body: bytes) -> None:
        check(send(api, path, body))

    run()


@pytest.mark.parametrize("path", ["/api/v1/messages", "/api/v1/accounts"])
def test_any_fields_get_an_answer(api: ApiClient, path: str) -> None:
    @fuzz
    @given(ANY_FIELDS)
    def run(fields: dict[str, Any]) -> None:
        check(send(api, path, json.dumps(fields).encode()))

    run()


@fuzz
@given(message=USUAL_MESSAGE | USUAL_MESSAGE | MESSAGE)
def test_message_that_was_accepted_can_be_read(api: ApiClient, message: dict[str, Any]) -> None:
    answer = send(api, "/api/v1/messages", json.dumps(message).encode())

    check(answer)
    event(f"answered {answer.status_code}")
    if answer.status_code == 202:
        for path in ("", "/raw"):
            shown = api.get(answer.headers["Location"] + path)
            check(shown)
            assert shown.status_code == 200, shown.text
        assert api.get(answer.headers["Location"]).get_json()["metadata"] == message.get("metadata", {})


@fuzz
@given(account=USUAL_ACCOUNT | ACCOUNT, change=ACCOUNT)
def test_account_that_was_made_can_be_read_and_changed(
    api: ApiClient, account: dict[str, Any], change: dict[str, Any]
) -> None:
    answer = send(api, "/api/v1/accounts", json.dumps(account).encode())

    check(answer)
    event(f"answered {answer.status_code}")
    if answer.status_code == 201:
        location = answer.headers["Location"]
        assert api.get(location).get_json() == answer.get_json()
        check(api._open("PATCH", location, {"data": json.dumps(change), "content_type": "application/json"}))
        assert api.delete(location).status_code == 204


@pytest.mark.parametrize("path", ["/api/v1/messages", "/api/v1/accounts"])
def test_any_query_gets_an_answer(api: ApiClient, path: str) -> None:
    names = ["limit", "cursor", "status", "recipient", "tag", "account", "since", "until", "q"]

    @fuzz
    @given(st.lists(st.tuples(st.sampled_from(names) | st.text(max_size=5), st.text(max_size=40)), max_size=4))
    def run(query: list[tuple[str, str]]) -> None:
        encodable = [(name, value.encode("utf-8", "replace").decode()) for name, value in query]
        check(api.get(path, query_string=encodable))

    run()


@pytest.mark.parametrize("name", ["Authorization", "Idempotency-Key", "X-Request-ID", "Content-Type", "Accept"])
def test_any_header_gets_an_answer(api: ApiClient, name: str) -> None:
    body = json.dumps({"to": ["ann@example.com"], "subject": "Hello", "text": "Hello"})
    options = {"data": body, "content_type": "application/json"} if name != "Content-Type" else {"data": body}
    value = st.text(alphabet=st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=300)

    @fuzz
    @given(value)
    def run(value: str) -> None:
        check(api._open("POST", "/api/v1/messages", {**options, "headers": {name: value}}))

    run()
