"""Whatever comes in at whichever door, there is an answer in good order: no 500, no hang, no change of what it may not.

A run has HOSTILE_EXAMPLES inputs, 1,000 unless the environment says otherwise, divided over the doors; 10,000 and more
are for a night, and are others each time. `HOSTILE_EXAMPLES=20000 pytest tests/security/test_hostile.py`
"""

import io
import os
import string
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from appliance.services.mail_reading import read
from appliance.web.api.field_errors import MOST_ERRORS
from tests.security.filled import Filled, Form, fill
from tests.web.conftest import ApiClient

IN_CI = 1000
EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", str(IN_CI)))
SLOWEST = 5.0  # seconds: far above what any request takes, far below a hang
HTML = {"Accept": "text/html"}
ALLOWED_5XX = (501, 503)


def doors(share: float) -> Callable[[Any], Any]:
    """The settings of a test that has this share of all examples."""
    return settings(
        max_examples=max(10, round(EXAMPLES * share)),
        deadline=SLOWEST * 1000,
        derandomize=EXAMPLES == IN_CI,
        database=None,
        phases=[Phase.explicit, Phase.generate],  # to make a failure smaller would take longer than all the rest
        suppress_health_check=list(HealthCheck),
    )


ODD = st.sampled_from(
    [
        *("", " ", "\0", "\ufeff", "\ud800", "\r\nX-Injected: 1", "a\r\nBcc: eve@example.com", "🎈" * 300, "%00", "%"),
        *("../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "/etc/passwd", "\\\\host\\share", "file:///etc/passwd"),
        *(
            "'; DROP TABLE messages; --",
            "' OR 1=1 --",
            '"',
            "\\",
            "{{ 7 * 7 }}",
            "{% for x in range(9**9) %}",
            "${7*7}",
        ),
        *("<script>alert(1)</script>", "javascript:alert(1)", "=1+1", "@SUM(A1)", "=?utf-8?b?", "=?utf-8?q?=00?="),
        *("-1", "0", "1e309", "NaN", "9" * 40, "9" * 5000, "0x10", "١٢٣", "true", "null", "[]", "{}", "2026-02-30"),
        *(
            "9999-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
            "2026-13-01T25:00:00",
            "x" * 5000,
            "://",
            "https://",
            "a@b@c",
        ),
        *("http://[::1", "https://127.0.0.1/", "smtp.example.com", "ann@example.com", "bücher.example", "_", "*", "."),
    ]
)
FINE = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
TEXT = FINE | ODD | st.text(max_size=60)
HEADER_VALUE = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=120)
ENCODABLE = TEXT.map(lambda text: text.encode("utf-8", "replace").decode("utf-8"))
BYTES = st.binary(max_size=300) | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass"))


@pytest.fixture
def filled(api: ApiClient, core: Core) -> Filled:
    return fill(api, core)


def check(answer: TestResponse) -> None:
    text = answer.get_data(as_text=True)
    answer.close()
    assert answer.status_code < 500 or answer.status_code in ALLOWED_5XX, text
    assert answer.headers["X-Request-ID"]
    assert "X-Injected" not in answer.headers
    assert "Traceback (most recent" not in text or answer.mimetype != "text/html"
    assert "root:x:0:0" not in text
    event(f"answered {answer.status_code // 100}xx")


def forms(app: Flask, alice: FlaskClient, filled: Filled) -> tuple[str, list[str]]:
    """The token of alice's session, and every name that a field of any page has."""
    names: set[str] = set()
    token = ""
    for _, path in filled.pages(app):
        answer = alice.get(path, headers=HTML)
        if answer.mimetype == "text/html":
            form = Form(answer.text)
            token = token or form.token
            names |= form.names
        answer.close()
    assert token
    return token, sorted(names)


def writing(app: Flask, filled: Filled) -> list[tuple[Rule, str]]:
    """Forms, but for those after which nobody is signed in any more."""
    return [(rule, path) for rule, path in filled.pages(app, "POST") if rule.endpoint != "sign_in.sign_out"]


def test_any_fields_of_any_form_get_an_answer(app: Flask, alice: FlaskClient, filled: Filled) -> None:
    token, names = forms(app, alice, filled)
    paths = [path for _, path in writing(app, filled)]
    assert len(paths) > 30

    @doors(0.3)
    @given(st.sampled_from(paths), st.dictionaries(st.sampled_from(names) | FINE, TEXT | st.lists(TEXT, max_size=3)))
    def run(path: str, fields: dict[str, Any]) -> None:
        clean = {name: encodable(value) for name, value in fields.items()}
        check(alice.post(path, data=clean | {"csrf_token": token}, headers=HTML))

    run()


def encodable(value: Any) -> Any:
    if isinstance(value, list):
        return [encodable(one) for one in value]
    return value.encode("utf-8", "replace").decode("utf-8")


def test_any_query_of_any_page_gets_an_answer(app: Flask, alice: FlaskClient, filled: Filled) -> None:
    _, names = forms(app, alice, filled)
    paths = [path for _, path in filled.pages(app)]

    @doors(0.15)
    @given(
        st.sampled_from(paths),
        st.lists(st.tuples(st.sampled_from([*names, "cursor", "limit", "page", "next"]), ENCODABLE), max_size=4),
        st.none() | BYTES,
    )
    def run(path: str, query: list[tuple[str, str]], raw: bytes | None) -> None:
        given_query = query if raw is None else raw.decode("latin-1").translate(dict.fromkeys([10, 13, 0, 32]))
        check(alice.get(path, query_string=given_query, headers=HTML))

    run()


def test_any_name_in_an_address_gets_an_answer(app: Flask, alice: FlaskClient, filled: Filled) -> None:
    rules = [
        rule for rule in app.url_map.iter_rules() if rule.arguments and not rule.endpoint.startswith("admin.flower")
    ]

    @doors(0.15)
    @given(st.sampled_from(rules), ENCODABLE)
    def run(rule: Rule, value: str) -> None:
        numbered = {name: 7 if "int:" in rule.rule and name == "number" else value or "x" for name in rule.arguments}
        built = rule.build(numbered, append_unknown=False)
        assert built is not None
        method = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})[0]
        check(alice.open(built[1], method=method, headers=HTML))

    run()


@pytest.mark.parametrize(
    "path", ["/", "/messages", "/sign-in", "/api/v1/messages", "/health", "/static/css/postroom.css"]
)
def test_any_headers_get_an_answer(alice: FlaskClient, path: str) -> None:
    known = "Accept Accept-Language Accept-Encoding Cookie Authorization Host X-Request-ID Range If-None-Match Origin"
    more = (
        "If-Modified-Since Content-Type Content-Length Transfer-Encoding X-Forwarded-For Referer Expect Sec-Fetch-Site"
    )

    @doors(0.02)
    @given(st.dictionaries(st.sampled_from(f"{known} {more}".split()), HEADER_VALUE, max_size=4))
    def run(headers: dict[str, str]) -> None:
        if not headers.get("Content-Length", "0").isdecimal():
            headers.pop("Content-Length")  # waitress lets only numbers pass
        check(alice.get(path, headers={name: value for name, value in headers.items() if name != "Host"}))

    run()


def test_any_cookie_gets_an_answer(app: Flask) -> None:
    name = app.config["SESSION_COOKIE_NAME"]
    signed = st.text(string.ascii_letters + string.digits + "-_.", max_size=200)

    @doors(0.05)
    @given(st.sampled_from([name, "remember_token", "language", "_xsrf", "postroom_browser"]), signed | HEADER_VALUE)
    def run(cookie: str, value: str) -> None:
        answer = app.test_client().get("/messages", headers={"Cookie": f"{cookie}={value}"} | HTML)
        check(answer)
        assert answer.status_code != 200  # nobody comes in by it

    run()


CSV_ROW = st.lists(TEXT | st.just("ann@example.com"), max_size=5).map(",".join)
CSV = st.lists(CSV_ROW, max_size=8).map("\n".join) | TEXT


def test_any_csv_is_imported_or_refused(app: Flask, alice: FlaskClient, api: ApiClient, filled: Filled) -> None:
    token, _ = forms(app, alice, filled)

    @doors(0.1)
    @given(CSV.map(lambda text: text.encode("utf-8", "surrogatepass")) | BYTES, st.sampled_from(["page", "api"]))
    def run(content: bytes, door: str) -> None:
        if door == "page":
            fields = {"file": (io.BytesIO(content), "list.csv"), "csrf_token": token}
            check(alice.post("/suppressions/import", data=fields, headers=HTML))
        else:
            options = {"data": content, "content_type": "text/csv"}
            check(api._open("POST", "/api/v1/suppressions/import", options))

    run()


PART_HEADER = st.sampled_from(
    [
        'Content-Disposition: form-data; name="file"; filename="a.txt"',
        'Content-Disposition: form-data; name="file"; filename="../../../etc/cron.d/x"',
        "Content-Disposition: form-data; name=file; filename*=utf-8''%2e%2e%2f%00",
        'Content-Disposition: form-data; name="csrf_token"',
        "Content-Type: multipart/mixed; boundary=x",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition:",
    ]
)


@doors(0.1)
@given(
    st.lists(st.tuples(st.lists(PART_HEADER | HEADER_VALUE, max_size=3), BYTES), max_size=4),
    st.sampled_from(["/api/v1/attachments", "/suppressions/import"]),
    st.sampled_from(["x", "", "--", "x" * 300]),
    st.booleans(),
)
def test_any_upload_gets_an_answer(
    api: ApiClient, parts: list[tuple[list[str], bytes]], path: str, boundary: str, closed: bool
) -> None:
    body = b"".join(
        b"--x\r\n" + "\r\n".join(headers).encode("latin-1", "replace") + b"\r\n\r\n" + content + b"\r\n"
        for headers, content in parts
    )
    options = {
        "data": body + (b"--x--\r\n" if closed else b""),
        "content_type": f"multipart/form-data; boundary={boundary}",
    }

    check(api._open("POST", path, options))


@doors(0.1)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Subject", "From", "To", "Content-Type", "Content-Transfer-Encoding", "Date", "X"]),
            HEADER_VALUE
            | st.sampled_from(
                [
                    "multipart/mixed; boundary=b",
                    "multipart/alternative; boundary=b",
                    "message/rfc822",
                    "text/html; charset=utf-7",
                    "text/plain; charset=no-such",
                    "base64",
                    "quoted-printable",
                    "=?utf-8?b?////?=",
                    "=?x?q?=ZZ?=",
                ]
            ),
        ),
        max_size=6,
    ),
    BYTES
    | st.just(b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--")
    | st.just(b"=ZZ=\r\n" * 9),
)
def test_any_mail_can_be_looked_at(headers: list[tuple[str, str]], body: bytes) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1", "replace")

    mail = read(head + b"\r\n" + body)

    assert all("\0" not in attachment.filename for attachment in mail.attachments)


WRONG = {f"wrong{number}": number for number in range(100)}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("messages", {f"wrong{number}": number for number in range(90_000)}),
        ("templates", {f"wrong{number}": number for number in range(90_000)}),
        ("messages", {"to": [WRONG] * 1000, "subject": "Hello", "text": "Hello"}),
    ],
    ids=["message", "template", "recipients"],
)
def test_wrong_fields_are_named_only_as_far_as_that_holds_nobody_up(api: ApiClient, path: str, body: Any) -> None:
    answer = api.post(f"/api/v1/{path}", body)

    assert answer.status_code == 422
    assert 0 < len(answer.get_json()["errors"]) <= MOST_ERRORS


NESTED = [
    "[" * 100_000,
    '{"a":' * 100_000,
    '{"metadata":' + "[" * 50_000 + "]" * 50_000 + "}",
    '{"to":' + "9" * 100_000,
]


@pytest.mark.parametrize("body", NESTED, ids=["lists", "objects", "closed", "number"])
def test_json_that_is_nested_deeply_is_refused(api: ApiClient, body: str) -> None:
    for path in ("messages", "messages/batch", "templates", "accounts"):
        answer = api._open("POST", f"/api/v1/{path}", {"data": body, "content_type": "application/json"})

        assert answer.status_code in (400, 422), path
