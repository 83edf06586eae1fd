"""GET /audit, and who is said to have acted in requests of every kind."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.services import audit
from appliance.web.context import WebContext
from tests.web.api.letters import MESSAGES, post
from tests.web.api.problems import problem_of
from tests.web.conftest import PASSWORD, ApiClient, MakeApi, sign_in, submit

AUDIT = "/api/v1/audit"


def entries(api: ApiClient, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(f"{AUDIT}?{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json()["items"]
    return found


def test_key_that_acts_is_named_with_its_address_and_request(api: ApiClient) -> None:
    message = post(api)
    api.post(f"{MESSAGES}/{message}/cancel", headers={"X-Request-ID": "req_mine"})

    (entry,) = entries(api, "action=message.cancelled")

    assert (entry["actor"]["kind"], entry["actor"]["name"]) == ("key", "acme")
    assert (entry["address"], entry["request_id"], entry["target"]) == ("127.0.0.1", "req_mine", message)


def test_person_who_acts_is_named(api: ApiClient, alice: FlaskClient) -> None:
    message = post(api)

    submit(alice, f"/messages/{message}/cancel", {}, form_at=f"/messages/{message}")

    (entry,) = entries(api, "action=message.cancelled")
    assert entry["actor"] == {"kind": "user", "id": "usr_alice", "name": "alice"}


def test_command_line_is_named(app: Flask, api: ApiClient, web_context: WebContext) -> None:
    local = ApiClient(app.test_client(), web_context.local_token)

    local.post(f"{MESSAGES}/{post(api)}/cancel")

    (entry,) = entries(api, "action=message.cancelled")
    assert (entry["actor"]["kind"], entry["actor"]["id"]) == ("command", "local")


def test_sign_in_and_its_failure_leave_entries(api: ApiClient, client: FlaskClient, alice: FlaskClient) -> None:
    sign_in(client, "alice", "not her password")
    sign_in(client, "alice", PASSWORD)

    good, bad = entries(api, "action=user.")
    assert (good["action"], good["actor"]["id"], good["target"]) == ("user.signed_in", "usr_alice", "usr_alice")
    assert (bad["action"], bad["actor"]["kind"]) == ("user.sign_in_failed", "anonymous")
    assert (bad["detail"], bad["address"]) == ({"name": "alice"}, "127.0.0.1")


def test_first_user_is_made_by_the_setup_link(api: ApiClient, client: FlaskClient, core: Core) -> None:
    tokens: list[str] = []
    core.services.setup.begin(tokens.append)
    password = "a long password of bob"
    fields = {"token": tokens[-1], "name": "bob", "password": password, "repeated": password}

    submit(client, "/setup", fields, form_at=f"/setup?token={tokens[-1]}")

    (entry,) = entries(api, "action=user.created")
    assert entry["actor"]["name"] == "the setup link"
    assert entry["detail"] == {"name": "bob", "first": True, "role": "administrator"}


def test_nobody_acts_any_more_after_the_request(api: ApiClient) -> None:
    post(api)

    assert audit.acting() is audit.SYSTEM


def test_filters_and_pages(api: ApiClient) -> None:
    first, second = post(api), post(api)
    for message in (first, second):
        api.post(f"{MESSAGES}/{message}/cancel")

    assert [one["target"] for one in entries(api, "action=message.")] == [second, first]
    assert [one["target"] for one in entries(api, f"target={first}")] == [first]
    assert entries(api, "actor=acme&action=message.cancelled") != []
    assert entries(api, "actor=nobody") == []
    assert entries(api, "since=2100-01-01T00:00:00Z") == []
    assert entries(api, "until=2020-01-01T00:00:00Z") == []
    page = api.get(f"{AUDIT}?limit=1&action=message.").get_json()
    assert [one["target"] for one in entries(api, f"action=message.&cursor={page['next_cursor']}")] == [first]


@pytest.mark.parametrize("scopes", [("send",), ("read",), ("send", "read")])
def test_audit_needs_manage(make_api: MakeApi, scopes: tuple[str, ...]) -> None:
    problem_of(make_api(*scopes).get(AUDIT), 403, "forbidden")
