"""API keys, made by a person for a program."""

import html
import re
import shlex
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from appliance.bootstrap import Core
from appliance.db.models import ApiKey, AuditEntry
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.db.queries import access
from tests.web.conftest import ApiClient, submit

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


def test_a_second_press_makes_no_second_key(alice: FlaskClient, core: Core) -> None:
    pressed = FORM | {"once": "token of the form"}

    first = submit(alice, "/keys", pressed, form_at="/keys")
    second = submit(alice, "/keys", pressed, form_at="/keys")

    assert (first.status_code, second.status_code) == (201, 409)
    assert "This form has made a key already." in second.text
    assert 'name="name" required type="text" value="shop"' in second.text
    assert only_key(core).name == "shop"


def test_a_form_with_a_mistake_can_be_sent_again(alice: FlaskClient) -> None:
    refused = submit(alice, "/keys", {"name": "shop", "once": "token of the form"}, form_at="/keys")
    token = re.search(r'name="once" value="([^"]+)"', refused.text)
    assert token is not None
    made = submit(alice, "/keys", FORM | {"once": token[1]}, form_at="/keys")

    assert (refused.status_code, made.status_code) == (422, 201)


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


def key_of(core: Core, key_id: str) -> ApiKey:
    with core.database.read() as session:
        found = session.get(ApiKey, key_id)
        assert found is not None
        return found


def only_key(core: Core) -> ApiKey:
    with core.database.read() as session:
        [found] = access.api_keys(session)
        return found


LIMITED = FORM | {
    "daily_limit": "500",
    "requests_per_minute": "60",
    "last_day": "2030-12-31",
    "allowed_from": "Shop@example.com\n@*.example.org\n",
    "allowed_accounts": [BUILT_IN_MAILBOX_ID],
}


def test_a_key_is_created_with_all_its_limits(alice: FlaskClient, core: Core) -> None:
    assert submit(alice, "/keys", LIMITED, form_at="/keys").status_code == 201

    key = only_key(core)

    assert (key.daily_limit, key.requests_per_minute) == (500, 60)
    assert key.allowed_from == ["shop@example.com", "@*.example.org"]
    assert key.allowed_accounts == [BUILT_IN_MAILBOX_ID]
    assert key.expires_at == datetime(2031, 1, 1, tzinfo=UTC)


def test_the_page_shows_limits_quota_and_last_use(alice: FlaskClient, app: Flask, core: Core) -> None:
    secret = secret_on(submit(alice, "/keys", LIMITED, form_at="/keys").text)
    assert "never" in alice.get("/keys").text
    ApiClient(app.test_client(), secret).post(
        "/api/v1/messages", {"to": ["ann@example.com"], "from": "shop@example.com", "subject": "Hi", "text": "Hi"}
    )

    page = alice.get("/keys").text

    assert 'max="500" value="1"' in page
    assert "1 of 500 today" in page
    assert "60 requests a minute" in page
    assert "from shop@example.com, @*.example.org" in page
    assert "through Built-in mailbox" in page
    assert page.count("<time") >= 3


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"daily_limit": "0"}, "Number must be"),
        ({"requests_per_minute": "fast"}, "Not a valid integer value"),
        ({"allowed_from": "nobody"}, "none of these"),
        ({"last_day": "2020-01-01"}, "This day is past"),
        ({"last_day": "tomorrow"}, "Not a valid date"),
        ({"allowed_accounts": ["acc_none"]}, "not a valid choice"),
        ({"name": "x" * 201}, "Give a name of 1 to 200"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    alice: FlaskClient, core: Core, wrong: dict[str, Any], said: str
) -> None:
    answer = submit(alice, "/keys", LIMITED | wrong, form_at="/keys")

    assert answer.status_code == 422
    assert said in answer.text
    assert "Shop@example.com" in answer.text or "allowed_from" in wrong  # nothing that was typed is lost
    with core.database.read() as session:
        assert access.api_keys(session) == []


def test_a_key_is_edited_and_the_rest_of_it_stays(alice: FlaskClient, core: Core) -> None:
    submit(alice, "/keys", LIMITED, form_at="/keys")
    key = only_key(core)
    path = f"/keys/{key.id}/edit"
    assert 'value="2030-12-31"' in alice.get(path).text

    answer = submit(
        alice, path, LIMITED | {"name": "new shop", "daily_limit": "", "allowed_accounts": []}, form_at=path
    )

    changed = key_of(core, key.id)
    assert answer.headers["Location"] == "/keys"
    assert "The API key is changed" in alice.get("/keys").text
    assert (changed.name, changed.daily_limit, changed.allowed_accounts) == ("new shop", None, [])
    assert (changed.expires_at, changed.allowed_from) == (key.expires_at, key.allowed_from)


def test_editing_says_what_is_wrong_and_saves_nothing(alice: FlaskClient, core: Core) -> None:
    submit(alice, "/keys", LIMITED, form_at="/keys")
    path = f"/keys/{only_key(core).id}/edit"

    answer = submit(alice, path, LIMITED | {"name": "other", "allowed_from": "nobody"}, form_at=path)

    assert answer.status_code == 422
    assert "Nothing was saved yet" in answer.text
    assert only_key(core).name == "shop"


def test_an_expiry_at_an_odd_hour_is_not_moved_by_saving(alice: FlaskClient, core: Core) -> None:
    odd = datetime(2030, 5, 5, 11, 30, tzinfo=UTC)
    made = core.services.api_keys.create("shop", ["send"], odd)
    path = f"/keys/{made.id}/edit"

    submit(alice, path, {"name": "shop", "scopes": ["send"], "last_day": "2030-05-05"}, form_at=path)
    assert key_of(core, made.id).expires_at == odd
    submit(alice, path, {"name": "shop", "scopes": ["send"], "last_day": "2030-05-06"}, form_at=path)

    assert key_of(core, made.id).expires_at == datetime(2030, 5, 7, tzinfo=UTC)


def test_a_key_is_disabled_and_enabled(alice: FlaskClient, core: Core) -> None:
    made = core.services.api_keys.create("shop", ["send"])

    submit(alice, f"/keys/{made.id}/disable", {}, form_at="/keys")
    assert core.services.api_keys.authenticate(made.secret) is None
    page = alice.get("/keys").text
    assert "Disabled" in page
    assert "disabled: programs that use it are refused" in page
    submit(alice, f"/keys/{made.id}/enable", {}, form_at="/keys")

    assert core.services.api_keys.authenticate(made.secret) is not None


def test_a_key_that_somebody_else_has_revoked_meanwhile_says_so(alice: FlaskClient, core: Core) -> None:
    made = core.services.api_keys.create("shop", ["send"])
    path = f"/keys/{made.id}/edit"
    alice.get(path)
    core.services.api_keys.revoke(made.id)

    submit(alice, f"/keys/{made.id}/enable", {}, form_at="/keys")

    assert "that is for good" in alice.get("/keys").text
    assert alice.get(path).status_code == 404


def test_disabling_and_revoking_ask_first(alice: FlaskClient, core: Core) -> None:
    core.services.api_keys.create("shop", ["send"])

    page = alice.get("/keys").text

    assert "Disable this key?" in page
    assert "Revoke this key?" in page


def test_the_audit_names_the_person(alice: FlaskClient, core: Core) -> None:
    submit(alice, "/keys", FORM, form_at="/keys")

    with core.database.read() as session:
        [entry] = [one for one in session.scalars(select(AuditEntry)) if one.action == "key.created"]

    assert (entry.actor_kind, entry.actor_id, entry.target) == ("user", "usr_alice", only_key(core).id)
