"""API keys over the API."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import AuditEntry
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.web.api import key_documents
from appliance.web.context import WebContext
from tests.web.api.letters import MESSAGES, letter
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient, MakeApi

KEYS = "/api/v1/keys"


def new(**fields: Any) -> dict[str, Any]:
    return {"name": "shop", "scopes": ["send", "read"]} | fields


def create(api: ApiClient, **fields: Any) -> dict[str, Any]:
    answer = api.post(KEYS, new(**fields))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    key_documents.NewKey.model_validate(made)
    return made


def client_of(app: Flask, made: dict[str, Any]) -> ApiClient:
    return ApiClient(app.test_client(), made["secret"])


def test_secret_is_shown_once_and_works(api: ApiClient, app: Flask) -> None:
    made = create(api)

    assert client_of(app, made).post(MESSAGES, letter()).status_code == 202
    shown = api.get(f"{KEYS}/{made['id']}").get_json()
    key_documents.KeyDocument.model_validate(shown)
    assert "secret" not in shown
    assert made["secret"] not in api.get(KEYS).text


def test_key_shows_what_it_was_given(api: ApiClient) -> None:
    tomorrow = (utc_now() + timedelta(days=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    given = {
        "expires_at": tomorrow,
        "requests_per_minute": 600,
        "daily_limit": 5000,
        "allowed_accounts": [BUILT_IN_MAILBOX_ID],
        "allowed_from": ["Shop@Example.com", "@*.example.org"],
    }

    made = create(api, **given)

    assert made["state"] == "active"
    assert {name: made[name] for name in given} == given | {"allowed_from": ["shop@example.com", "@*.example.org"]}
    assert made["in_force"] == {"requests_per_minute": 600, "daily_limit": 5000}
    assert (made["used_today"], made["last_used_at"]) == (0, None)


def test_list_is_newest_first_and_keeps_revoked_keys(api: ApiClient) -> None:
    ids = [create(api, name=f"key {number}")["id"] for number in range(5)]
    assert api.delete(f"{KEYS}/{ids[0]}").status_code == 204

    page = api.get(f"{KEYS}?limit=3").get_json()
    rest = api.get(f"{KEYS}?limit=3&cursor={page['next_cursor']}").get_json()

    key_documents.KeyPage.model_validate(page)
    listed = [one["id"] for one in page["items"] + rest["items"]]
    assert listed[:5] == ids[::-1]
    assert rest["next_cursor"] is None
    assert {one["state"] for one in rest["items"] if one["id"] == ids[0]} == {"revoked"}


def test_last_use_and_messages_of_the_day_are_shown_at_once(api: ApiClient, app: Flask) -> None:
    made = create(api, daily_limit=5)

    client_of(app, made).post(MESSAGES, letter())

    shown = api.get(f"{KEYS}/{made['id']}").get_json()
    assert shown["used_today"] == 1
    assert shown["last_used_at"] is not None


def test_change_sets_what_is_given_and_nothing_else(api: ApiClient, app: Flask) -> None:
    made = create(api, daily_limit=5, allowed_from=["shop@example.com"])

    changed = api.patch(f"{KEYS}/{made['id']}", {"daily_limit": None, "scopes": ["read"]}).get_json()

    assert (changed["daily_limit"], changed["scopes"]) == (None, ["read"])
    assert (changed["name"], changed["allowed_from"]) == ("shop", ["shop@example.com"])
    problem_of(client_of(app, made).post(MESSAGES, letter()), 403, "forbidden")


def test_disabled_key_is_refused_until_it_is_enabled(api: ApiClient, app: Flask) -> None:
    made = create(api)
    program = client_of(app, made)
    assert program.get(MESSAGES).status_code == 200

    assert api.patch(f"{KEYS}/{made['id']}", {"active": False}).get_json()["state"] == "disabled"
    problem_of(program.get(MESSAGES), 401, "unauthenticated")
    api.patch(f"{KEYS}/{made['id']}", {"active": True})

    assert program.get(MESSAGES).status_code == 200


def test_revoked_key_stays_so(api: ApiClient, app: Flask) -> None:
    made = create(api)

    for _ in range(2):
        assert api.delete(f"{KEYS}/{made['id']}").status_code == 204

    problem_of(client_of(app, made).get(MESSAGES), 401, "unauthenticated")
    problem_of(api.patch(f"{KEYS}/{made['id']}", {"active": True}), 409, "wrong_state")


def test_key_that_there_is_not_is_not_found(api: ApiClient) -> None:
    for answer in (api.get(f"{KEYS}/key_x"), api.patch(f"{KEYS}/key_x", {"name": "x"}), api.delete(f"{KEYS}/key_x")):
        problem_of(answer, 404, "not_found")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, {"name": "invalid"}),
        ({"scopes": []}, {"scopes": "invalid"}),
        ({"scopes": ["fly"]}, {"scopes[0]": "invalid"}),
        (
            {"daily_limit": 0, "requests_per_minute": "many"},
            {"daily_limit": "invalid", "requests_per_minute": "invalid"},
        ),
        ({"allowed_from": ["shop@example.com", "nobody"]}, {"allowed_from[1]": "invalid"}),
        ({"allowed_accounts": ["acc_none"]}, {"allowed_accounts": "not_found"}),
        ({"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": "invalid"}),
        ({"secret": "mine"}, {"secret": "unknown_field"}),
        ({"active": False}, {"active": "unknown_field"}),
    ],
)
def test_wrong_fields_are_named(api: ApiClient, fields: dict[str, Any], wrong: dict[str, str]) -> None:
    found = wrong_fields(api.post(KEYS, new(**fields)))

    assert wrong.keys() <= found.keys()
    assert wrong.items() <= found.items() or fields == {"scopes": []}


def test_only_managers_see_and_make_keys(make_api: MakeApi, api: ApiClient) -> None:
    made = create(api)
    program = make_api("send", "read")

    for method, path, body in (
        ("GET", KEYS, None),
        ("POST", KEYS, new()),
        ("GET", f"{KEYS}/{made['id']}", None),
        ("PATCH", f"{KEYS}/{made['id']}", {"name": "x"}),
        ("DELETE", f"{KEYS}/{made['id']}", None),
    ):
        problem_of(program._open(method, path, {"json": body} if body else {}), 403, "forbidden")


def test_manager_gives_no_more_than_it_has(make_api: MakeApi, api: ApiClient, app: Flask) -> None:
    manager = make_api("manage")
    bound = client_of(
        app, create(api, scopes=["send", "manage"], daily_limit=10, allowed_from=["@example.com"], name="bound")
    )
    other = create(api)

    refused = problem_of(manager.post(KEYS, new(scopes=["send", "manage"])), 403, "not_allowed")
    wide = problem_of(bound.post(KEYS, new(scopes=["send"])), 403, "not_allowed")
    own = bound.get(f"{KEYS}/self").get_json()["id"]
    problem_of(bound.patch(f"{KEYS}/{own}", {"daily_limit": None}), 403, "not_allowed")
    problem_of(manager.patch(f"{KEYS}/{other['id']}", {"scopes": ["send", "manage"]}), 403, "not_allowed")

    assert [error["field"] for error in refused["errors"]] == ["scopes"]
    assert {error["field"] for error in wide["errors"]} == {"daily_limit", "allowed_from"}
    narrow = bound.post(KEYS, new(scopes=["send"], daily_limit=10, allowed_from=["a@example.com"]))
    assert narrow.status_code == 201
    assert manager.patch(f"{KEYS}/{other['id']}", {"active": False}).status_code == 200


def test_command_line_of_the_box_gives_whatever_it_likes(app: Flask, web_context: WebContext) -> None:
    box = ApiClient(app.test_client(), web_context.local_token)

    assert box.post(KEYS, new(scopes=["send", "read", "manage"])).status_code == 201
    own = box.get(f"{KEYS}/self").get_json()
    key_documents.OwnKey.model_validate(own)
    assert (own["id"], own["requests"], own["messages"]) == ("local", None, None)


def test_key_knows_what_it_may_and_what_is_left(api: ApiClient, app: Flask) -> None:
    made = create(api, scopes=["send"], daily_limit=5, requests_per_minute=100, allowed_from=["shop@example.com"])
    program = client_of(app, made)
    program.post(MESSAGES, letter())

    own = program.get(f"{KEYS}/self").get_json()

    key_documents.OwnKey.model_validate(own)
    assert (own["id"], own["scopes"], own["allowed_from"]) == (made["id"], ["send"], ["shop@example.com"])
    assert (own["messages"]["limit"], own["messages"]["remaining"]) == (5, 4)
    assert 0 < own["messages"]["reset_seconds"] <= 25 * 3600
    assert (own["requests"]["limit"], own["requests"]["remaining"]) == (100, 98)


def test_each_scope_alone_opens_what_a_key_knows_of_itself(make_api: MakeApi, client: FlaskClient) -> None:
    for scope in ("send", "read", "manage"):
        assert make_api(scope).get(f"{KEYS}/self").get_json()["scopes"] == [scope]
    problem_of(client.get(f"{KEYS}/self"), 401, "unauthenticated")


def test_changes_over_the_api_name_the_key_that_made_them(api: ApiClient, core: Core) -> None:
    chief = api.get(f"{KEYS}/self").get_json()["id"]
    made = create(api)
    api.delete(f"{KEYS}/{made['id']}")

    with core.database.read() as session:
        entries = [one for one in session.query(AuditEntry) if one.target == made["id"]]

    assert {(one.action, one.actor_kind, one.actor_id) for one in entries} == {
        ("key.created", "key", chief),
        ("key.revoked", "key", chief),
    }
