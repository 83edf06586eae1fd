"""A key without `manage` sees and moves only what is its own: asked of every operation that there is."""

import io
import json
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from appliance.bootstrap import Core
from appliance.db.models import Message
from appliance.db.models.message import MessageStatus
from appliance.web.api.documents import MessageDetail
from appliance.web.api.openapi import operations
from appliance.web.api.standing_documents import MessageStanding
from tests.web.api.letters import MESSAGES, ids, post
from tests.web.api.problems import problem_of
from tests.web.conftest import ApiClient, MakeApi

ATTACHMENTS = "/api/v1/attachments"
SECRET = "only-for-the-eyes-of-its-own-key"
OWN = {"messages": MESSAGES, "attachments": ATTACHMENTS}
"""The kinds of things that belong to a key, by the prefix of their addresses."""


def of_one_thing(client: FlaskClient) -> list[tuple[str, str, str]]:
    """Method, kind and address of every operation on one message or one attachment."""
    document = json.loads(client.get("/api/openapi.json").text)
    return [
        (method.upper(), kind, path)
        for path, method, _ in operations(document)
        for kind, prefix in OWN.items()
        if path.startswith(f"{prefix}/{{id}}")
    ]


def scope_of(client: FlaskClient, method: str, path: str) -> str:
    operation = json.loads(client.get("/api/openapi.json").text)["paths"][path][method.lower()]
    return str(operation["security"][0]["api_key"][0])


def upload(api: ApiClient) -> str:
    data = {"file": (io.BytesIO(b"%PDF-1.7"), f"{SECRET}.pdf")}
    answer = api._open("POST", ATTACHMENTS, {"data": data, "content_type": "multipart/form-data"})
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["id"])


@pytest.fixture
def owner(make_api: MakeApi) -> ApiClient:
    return make_api("send", "read")


@pytest.fixture
def stranger(make_api: MakeApi) -> ApiClient:
    return make_api("send", "read")


def test_no_operation_opens_what_belongs_to_another_key(
    client: FlaskClient, owner: ApiClient, stranger: ApiClient
) -> None:
    things = {"messages": post(owner, subject=SECRET), "attachments": upload(owner)}
    found = of_one_thing(client)
    assert len(found) >= 6

    for method, kind, path in found:
        answer = stranger._open(method, path.replace("{id}", things[kind]), {})

        code = "forbidden" if scope_of(client, method, path) == "manage" else "not_found"
        problem_of(answer, 403 if code == "forbidden" else 404, code)
        assert SECRET not in answer.text
    assert owner.get(f"{MESSAGES}/{things['messages']}").get_json()["status"] == "queued"
    assert owner.get(f"{ATTACHMENTS}/{things['attachments']}").status_code == 200


def test_no_list_and_no_figure_tells_of_messages_of_another_key(
    client: FlaskClient, owner: ApiClient, stranger: ApiClient
) -> None:
    message_id = post(owner, subject=SECRET, tags=[SECRET], metadata={"order": SECRET})
    upload(owner)
    document = json.loads(client.get("/api/openapi.json").text)
    lists = [path for path, method, _ in operations(document) if method == "get" and "{" not in path]
    assert MESSAGES in lists

    for path in lists:
        for query in ("", "?group_by=tag"):
            answer = stranger.get(path + query)

            assert answer.status_code in (200, 403, 422), path
            assert SECRET not in answer.text, path
            assert message_id not in answer.text, path


def test_no_filter_finds_messages_of_another_key(owner: ApiClient, stranger: ApiClient) -> None:
    message_id = post(owner, subject=SECRET, tags=[SECRET], metadata={"order": 7})

    for query in (f"q={message_id}", f"q={SECRET}", f"tag={SECRET}", "recipient=ann@example.com", "metadata.order=7"):
        assert ids(stranger, query) == [], query
        assert ids(owner, query) == [message_id], query


def test_attachment_of_another_key_cannot_be_sent(owner: ApiClient, stranger: ApiClient) -> None:
    attachment = {"id": upload(owner)}
    message: dict[str, Any] = {"to": ["ann@example.com"], "subject": "Hi", "text": "Hi", "attachments": [attachment]}

    assert owner.post(MESSAGES, message).status_code == 202
    for body, path in ((message, MESSAGES), (message, f"{MESSAGES}?dry_run=true")):
        assert re.search(r"attachments\[0\]", stranger.post(path, body).text)
        assert stranger.post(path, body).status_code == 422
    assert stranger.post(f"{MESSAGES}/batch", {"messages": [message]}).status_code == 422


def test_idempotency_keys_of_two_keys_have_nothing_to_do_with_each_other(owner: ApiClient, stranger: ApiClient) -> None:
    message = {"to": ["ann@example.com"], "subject": "Hi", "text": "Hi"}
    headers = {"Idempotency-Key": "order-1"}

    first = owner.post(MESSAGES, message, headers=headers).get_json()["id"]
    second = stranger.post(MESSAGES, message, headers=headers)

    assert "Idempotent-Replay" not in second.headers
    assert second.get_json()["id"] != first


def test_key_that_may_manage_sees_all_of_it(api: ApiClient, owner: ApiClient, app: Flask) -> None:
    message_id, attachment_id = post(owner), upload(owner)

    assert api.get(f"{MESSAGES}/{message_id}").status_code == 200
    assert api.get(f"{ATTACHMENTS}/{attachment_id}").status_code == 200
    assert message_id in ids(api)


def test_key_without_manage_reaches_no_sender_account(owner: ApiClient, client: FlaskClient) -> None:
    document = json.loads(client.get("/api/openapi.json").text)
    of_accounts = [(path, method) for path, method, _ in operations(document) if path.startswith("/api/v1/accounts")]
    assert len(of_accounts) >= 8

    for path, method in of_accounts:
        answer = owner._open(method.upper(), path.replace("{id}", "acc_mailbox"), {})
        problem_of(answer, 403, "forbidden")


@pytest.mark.parametrize("scopes", [("send",), ("send", "manage")])
def test_what_a_message_says_is_told_only_to_keys_that_may_read(
    make_api: MakeApi, core: Core, scopes: tuple[str, ...]
) -> None:
    program = make_api(*scopes)
    message = post(
        program, text=SECRET, html=SECRET, headers={"X-Secret": SECRET}, metadata={"secret": SECRET}, subject=SECRET
    )

    cancelled = program.post(f"{MESSAGES}/{message}/cancel")
    core.database.write(lambda session: session.execute(update(Message).values(status=MessageStatus.FAILED)))
    retried = program.post(f"{MESSAGES}/{message}/retry")

    for answer, status in ((cancelled, "cancelled"), (retried, "queued")):
        assert answer.status_code == 200, answer.text
        standing = answer.get_json()
        MessageStanding.model_validate(standing)
        assert (standing["id"], standing["status"]) == (message, status)
        assert standing["explanation"]
        assert SECRET not in answer.text


def test_whole_message_is_told_to_keys_that_may_read(owner: ApiClient) -> None:
    answer = owner.post(f"{MESSAGES}/{post(owner, text=SECRET)}/cancel")

    MessageDetail.model_validate(answer.get_json())
    assert answer.get_json()["text"] == SECRET
