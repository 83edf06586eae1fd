"""Whatever is wrong with a message is named at once, in whichever stage it is found out."""

from typing import Any

import pytest

from tests.web.conftest import ApiClient

GOOD = {"to": ["ann@example.com"], "subject": "Hello", "text": "Hello Ann."}
MANY = [f"reader{number}@example.com" for number in range(101)]


def named(answer: Any) -> set[str]:
    assert answer.status_code == 422
    return {one["field"] for one in answer.json["errors"]}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        (
            {"to": ["x"], "account": "acc_x", "attachments": [{"id": "att_x"}, {"filename": "x", "content": "%%%"}]},
            {"to[0]", "account", "attachments[0].id", "attachments[1].content"},
        ),
        ({"to": MANY, "subject": "x" * 5000}, {"to", "subject"}),
        ({"tags": [" "], "account": "acc_x"}, {"tags[0]", "account"}),
        ({"to": MANY, "account": "acc_x"}, {"to", "account"}),
        ({"spelled_wrong": 1, "expires_at": "2020-01-01T00:00:00Z"}, {"spelled_wrong", "expires_at"}),
        ({"text": None, "account": "acc_x"}, {"text", "account"}),
    ],
)
def test_every_stage_is_heard_at_once(api: ApiClient, changes: dict[str, Any], fields: set[str]) -> None:
    answer = api.post("/api/v1/messages", GOOD | changes)

    assert named(answer) == fields


def test_template_that_there_is_not_is_named_beside_the_rest(api: ApiClient) -> None:
    body = {"to": ["x"], "template": "nowhere", "account": "acc_x"}

    answer = api.post("/api/v1/messages", body)

    assert named(answer) == {"to[0]", "template", "account"}


def test_unknown_template_and_unknown_account_are_named_together(api: ApiClient) -> None:
    answer = api.post("/api/v1/messages", {"to": ["ann@example.com"], "template": "nowhere", "account": "acc_x"})

    assert named(answer) == {"template", "account"}


def test_one_of_a_batch_hears_everything_as_well(api: ApiClient) -> None:
    wrong = GOOD | {"tags": [" "], "account": "acc_x"}

    answer = api.post("/api/v1/messages/batch", {"messages": [GOOD, wrong]})

    assert answer.status_code == 202
    [good, bad] = answer.json["results"]
    assert "error" not in good
    assert {one["field"] for one in bad["error"]["errors"]} == {"tags[0]", "account"}


def test_wrong_option_does_not_hide_a_wrong_field(api: ApiClient) -> None:
    answer = api.post("/api/v1/messages?dry_run=perhaps", GOOD | {"account": "acc_x"})

    assert named(answer) == {"dry_run", "account"}


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        (
            "/api/v1/keys",
            {"name": 1, "scopes": ["send"], "allowed_from": ["nobody"], "allowed_accounts": ["acc_x"]},
            {"name", "allowed_from[0]", "allowed_accounts"},
        ),
        (
            "/api/v1/keys",
            {"name": "\n", "scopes": ["send"], "allowed_accounts": ["acc_x"], "expires_at": "2020-01-01T00:00:00Z"},
            {"name", "allowed_accounts", "expires_at"},
        ),
        ("/api/v1/webhooks", {"url": "ftp://x", "events": 1, "descr": ""}, {"url", "events", "descr"}),
        ("/api/v1/webhooks", {"url": 1, "events": ["message.lost"]}, {"url", "events[0]"}),
        ("/api/v1/accounts", {"name": 1, "email": "x", "host": "a b"}, {"name", "email", "host"}),
        ("/api/v1/accounts", {"email": "x@example.com", "daily_limit": "5"}, {"name", "host", "daily_limit"}),
        ("/api/v1/suppressions", {"address": "a b", "reason": 1}, {"address", "reason"}),
        (
            "/api/v1/messages/batch",
            {"template": "nowhere", "account": "acc_x", "subject": "x", "recipients": [{"to": "ann@example.com"}]},
            {"template", "account", "subject"},
        ),
        (
            "/api/v1/messages/batch",
            {"template": "nowhere", "attachments": [{"id": "att_x"}], "recipients": [{"to": "ann@example.com"}]},
            {"template", "attachments[0].id"},
        ),
    ],
)
def test_every_form_is_heard_out(api: ApiClient, path: str, body: dict[str, Any], fields: set[str]) -> None:
    before = api.get(path).get_json() if "batch" not in path else None

    assert named(api.post(path, body)) == fields
    if before is not None:
        assert api.get(path).get_json() == before


def test_change_is_heard_out_and_changes_nothing(api: ApiClient) -> None:
    key = api.post("/api/v1/keys", {"name": "shop", "scopes": ["send"]}).get_json()

    answer = api.patch(f"/api/v1/keys/{key['id']}", {"active": "no", "allowed_from": ["nobody"], "daily_limit": 0})

    assert named(answer) == {"active", "allowed_from[0]", "daily_limit"}
    assert api.get(f"/api/v1/keys/{key['id']}").get_json()["allowed_from"] == []
