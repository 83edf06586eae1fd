"""API keys, made by a person for a program."""

import html
import re
import shlex

from flask import Flask
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from tests.web.conftest import submit

FORM = {"name": "shop", "scopes": ["send", "read"]}


def secret_on(page: str) -> str:
    found = re.search(r'id="secret"[^>]*>(pr_[^<]+)<', page)
    assert found
    return found[1]


def test_without_keys_the_page_says_what_to_do(alice: FlaskClient) -> None:
    assert "There is no API key yet." in alice.get("/keys").text


def test_the_secret_is_shown_once_and_works(alice: FlaskClient, app: Flask) -> None:
    answer = submit(alice, "/keys", FORM, form_at="/keys")

    secret = secret_on(answer.text)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert secret not in alice.get("/keys").text
    listed = app.test_client().get("/api/v1/messages", headers={"Authorization": f"Bearer {secret}"})
    assert listed.status_code == 200


def test_the_command_sends_a_message_as_it_stands(alice: FlaskClient, app: Flask) -> None:
    page = submit(alice, "/keys", FORM, form_at="/keys").text
    command = html.unescape(re.findall(r"<pre[^>]*>(curl .*?)</pre>", page, re.DOTALL)[0])

    words = shlex.split(command.replace("\\\n", " "))

    headers = dict(word.split(": ", 1) for word in words if ": " in word and not word.startswith("{"))
    path = words[1].removeprefix("http://localhost")
    assert app.test_client().post(path, headers=headers, data=words[-1]).status_code == 202


def test_a_key_without_a_scope_is_refused(alice: FlaskClient) -> None:
    answer = submit(alice, "/keys", {"name": "shop"}, form_at="/keys")

    assert answer.status_code == 422
    assert "Give at least one of send, read, manage." in answer.text


def test_a_scope_that_there_is_not_is_refused(alice: FlaskClient) -> None:
    assert submit(alice, "/keys", {"name": "shop", "scopes": ["root"]}, form_at="/keys").status_code == 422


def test_a_revoked_key_is_refused_from_then_on(alice: FlaskClient, core: Core) -> None:
    made = core.services.api_keys.create("shop", ["send"])

    answer = submit(alice, f"/keys/{made.id}/revoke", {}, form_at="/keys")

    assert "Revoked" in alice.get(answer.headers["Location"]).text
    assert core.services.api_keys.authenticate(made.secret) is None
