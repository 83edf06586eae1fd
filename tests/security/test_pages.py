"""Rules that hold for every page there is: these tests walk over the map of routes, so a new page is among them."""

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from flask_babel import lazy_gettext
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from tests.security.filled import SCRIPTING, Filled, Form, Page, fill
from tests.web.conftest import ApiClient, MakePerson, Parts

HTML = {"Accept": "text/html"}
OF_MAIL = "sandbox; default-src 'none'"  # what anybody may have written is shown so
INLINE_STYLE = {"admin.api_docs.show", "swagger.swagger"}  # Swagger's pictures of itself


@pytest.fixture
def filled(api: ApiClient, core: Core) -> Filled:
    return fill(api, core)


def shown(app: Flask, browser: FlaskClient, filled: Filled) -> list[tuple[str, TestResponse]]:
    return [(rule.endpoint, fetched(browser, path)) for rule, path in filled.pages(app)]


def fetched(browser: FlaskClient, path: str) -> TestResponse:
    """To its end, also what is made while it is sent."""
    answer = browser.get(path, headers=HTML)
    answer.get_data()
    answer.close()
    return answer


def test_all_pages_are_walked_over(app: Flask, alice: FlaskClient, filled: Filled) -> None:
    answers = shown(app, alice, filled)

    assert len(answers) > 30
    refused = {endpoint: answer.status_code for endpoint, answer in answers if answer.status_code not in (200, 302)}
    assert set(refused.values()) <= {404}, refused
    assert len(refused) < len(answers) / 5, refused


def test_the_policy_of_every_page_is_strict(app: Flask, alice: FlaskClient, filled: Filled) -> None:
    for endpoint, answer in shown(app, alice, filled):
        policy = answer.headers["Content-Security-Policy"]
        directives = dict(one.strip().split(" ", 1) for one in policy.split(";") if " " in one.strip())

        assert directives["default-src"] == "'none'", endpoint
        assert "frame-ancestors" in directives, endpoint
        assert directives["base-uri"] == "'none'", endpoint
        if not policy.startswith(OF_MAIL):
            assert "unsafe" not in directives["script-src"], endpoint
            assert "*" not in policy, endpoint
            assert "unsafe-inline" not in directives["style-src"] or endpoint in INLINE_STYLE, endpoint


def test_no_page_carries_a_script_or_style_of_its_own_or_loads_anything_foreign(
    app: Flask, alice: FlaskClient, filled: Filled
) -> None:
    for endpoint, answer in shown(app, alice, filled):
        if answer.mimetype == "text/html" and not answer.headers["Content-Security-Policy"].startswith(OF_MAIL):
            page = Page(answer.text)

            assert page.inline == [], endpoint
            assert page.foreign == [], endpoint
            assert SCRIPTING not in answer.text, endpoint


def test_what_somebody_typed_is_escaped_in_what_is_said_of_it(app: Flask, alice: FlaskClient, filled: Filled) -> None:
    named = ("to", "cc", "bcc", "name", "address", "email", "url", "slug", "subject", "host", "tags", "allowed_from")
    token = Form(alice.get("/suppressions").text).token
    for rule, path in filled.pages(app, "POST"):
        if rule.endpoint != "sign_in.sign_out":
            fields = dict.fromkeys(named, SCRIPTING) | {"csrf_token": token}

            answer = alice.post(path, data=fields, headers=HTML)

            if answer.mimetype == "text/html" and not answer.headers["Content-Security-Policy"].startswith(OF_MAIL):
                assert SCRIPTING not in answer.text, rule


def test_a_text_that_is_translated_late_is_escaped(app: Flask) -> None:
    with app.test_request_context():
        text = lazy_gettext("%(what)s is no address", what=SCRIPTING)

        assert SCRIPTING not in render_template_string("{{ text }} {{ [text] | join }} {{ text ~ '' }}", text=text)


def test_every_answer_tells_browsers_what_it_is_and_who_may_frame_it(
    app: Flask, alice: FlaskClient, filled: Filled
) -> None:
    for endpoint, answer in shown(app, alice, filled):
        assert answer.headers["X-Content-Type-Options"] == "nosniff", endpoint
        assert answer.headers["X-Frame-Options"] in ("DENY", "SAMEORIGIN"), endpoint
        assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer"), endpoint
        assert answer.headers["Cache-Control"] == "no-store", endpoint


def test_every_form_carries_its_token(app: Flask, alice: FlaskClient, filled: Filled) -> None:
    forms = 0
    for endpoint, answer in shown(app, alice, filled):
        if answer.mimetype == "text/html":
            page = Page(answer.text)
            forms += len(page.forms)

            assert page.without_token == [], endpoint
    assert forms > 30


@pytest.mark.parametrize("token", [None, "", "wrong", "WyJhIl0.aaaaaa.bbbbbbbb"])
def test_no_form_does_anything_without_its_token(
    app: Flask, alice: FlaskClient, filled: Filled, token: str | None
) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for rule, path in filled.pages(app, method):
            fields = {} if token is None else {"csrf_token": token}

            assert alice.open(path, method=method, data=fields, headers=HTML).status_code == 400, rule


def test_a_token_of_somebody_else_is_refused(
    app: Flask, alice: FlaskClient, make_person: MakePerson, filled: Filled
) -> None:
    page = make_person("bob", "operator").get("/suppressions").text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert token

    for rule, path in filled.pages(app, "POST"):
        assert alice.post(path, data={"csrf_token": token}, headers=HTML).status_code == 400, rule


@pytest.mark.parametrize(
    "part", ["Content-Disposition:", "Content-Disposition: form-data", "Content-Disposition: x; a=b"]
)
def test_a_field_without_a_name_is_refused(client: FlaskClient, part: str) -> None:
    answer = client.post(
        "/sign-in", data=f"--x\r\n{part}\r\n\r\nabc\r\n--x--\r\n", content_type="multipart/form-data; boundary=x"
    )

    assert answer.status_code == 400


def test_whoever_is_not_signed_in_sees_no_page_but_the_open_ones(
    app: Flask, client: FlaskClient, alice: FlaskClient, filled: Filled
) -> None:
    for rule, path in filled.pages(app):
        if rule.endpoint.startswith("admin."):
            answer = client.get(path, headers=HTML)

            assert answer.status_code == 302, rule
            assert answer.headers["Location"].startswith("/sign-in"), rule


def test_https_is_insisted_on_on_every_page_once_it_is_used(app: Flask, alice: FlaskClient, filled: Filled) -> None:
    for rule, path in filled.pages(app):
        plain, secure = alice.get(path), alice.get(path, base_url="https://localhost")

        assert "Strict-Transport-Security" not in plain.headers, rule
        assert secure.headers["Strict-Transport-Security"] == "max-age=31536000", rule


def test_error_pages_keep_the_rules(app: Flask, alice: FlaskClient, parts: Parts) -> None:
    def broken() -> str:
        raise RuntimeError(SCRIPTING)

    app.view_functions["admin.status.show"] = broken
    for path in ("/", "/nowhere", "/messages/msg_none", f"/{SCRIPTING}", "/messages?limit=%00"):
        answer = alice.get(path, headers=HTML)
        page = Page(answer.text)

        assert (page.inline, page.foreign) == ([], []), path
        assert "unsafe" not in answer.headers["Content-Security-Policy"], path
        assert SCRIPTING not in answer.text
