"""Cookies are for TLS alone where people come by TLS, and can be taken everywhere else."""

from http import HTTPStatus

import pytest
from flask import Flask, session
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from tests.web.conftest import PASSWORD, MakePerson

PUBLIC = "https://mail.example.com"


def signed_in_at(app: Flask, base_url: str) -> TestResponse:
    browser = app.test_client()
    page = browser.get("/sign-in", base_url=base_url).text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    fields = {"name": "alice", "password": PASSWORD, "csrf_token": token}
    answer = browser.post("/sign-in", base_url=base_url, data=fields, headers={"Referer": f"{base_url}/sign-in"})
    assert answer.status_code == HTTPStatus.FOUND
    return answer


def for_tls_alone(answer: TestResponse) -> set[bool]:
    cookies = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("postroom")]
    assert len(cookies) > 1  # the session's and the one by which a browser is known again
    return {"; Secure" in one for one in cookies}


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://mail.example.com", True),
        ("https://other.example.com", True),
        ("http://mail.example.com", True),  # the proxy does not say that it was asked by TLS
        ("http://127.0.0.1:8080", True),  # nor by which name
        ("http://192.168.1.5:8080", False),
        ("http://mail.example.com:8080", False),
    ],
)
def test_with_a_public_address_of_tls_it_depends_on_how_one_comes(
    app: Flask, core: Core, make_person: MakePerson, base_url: str, expected: bool
) -> None:
    make_person("alice", "administrator")
    core.services.place.choose("UTC", PUBLIC)

    assert for_tls_alone(signed_in_at(app, base_url)) == {expected}


@pytest.mark.parametrize("public_url", ["", "http://mail.example.com"])
def test_without_one_only_tls_itself_counts(app: Flask, core: Core, make_person: MakePerson, public_url: str) -> None:
    make_person("alice", "administrator")
    core.services.place.choose("UTC", public_url)

    assert for_tls_alone(signed_in_at(app, "http://mail.example.com")) == {False}
    assert for_tls_alone(signed_in_at(app, "https://mail.example.com")) == {True}


def test_a_program_has_no_session(app: Flask) -> None:
    browser = app.test_client()
    with browser.session_transaction() as kept:
        kept["of"] = "the pages"

    with browser:
        browser.get("/sign-in")
        assert session["of"] == "the pages"
    with browser:
        answer = browser.get("/api/v1/messages")
        assert not session

    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert "Set-Cookie" not in answer.headers
