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
