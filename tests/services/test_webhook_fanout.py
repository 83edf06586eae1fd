"""From the event to the delivery rows: who is told of what, and what it says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from appliance.db.database import Database
from appliance.db.models import ApiKey, Event, Message
from appliance.db.models.base import insert_rows
from appliance.db.models.event import EventKind
from appliance.db.types import new_id
from appliance.mail.transport import Reply, SendResult
from tests.factories import add_account
from tests.fakes import NOON
from tests.services.conftest import ACME, Chain, fake_of
from tests.services.webhooks import Hooks
from tests.webhook_receiver import WebhookReceiver

URL = "https://93.184.216.34/hooks"
GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def add_key(database: Database, *scopes: str, **overrides: Any) -> str:
    row = {"id": new_id("key"), "name": "a program", "secret_hash": "", "scopes": list(scopes), "created_at": NOON}
    database.write(lambda session: insert_rows(session, ApiKey, row | overrides))
    return str((row | overrides)["id"])


def told(hooks: Hooks, endpoint_id: str) -> list[str]:
    return [one.kind for one in hooks.deliveries(endpoint_id)]


def send_one(faked: Chain, *to: str, **fields: Any) -> str:
    message_id = faked.submit(*to, **fields)
    faked.turn()
    return message_id


def test_message_that_is_sent_is_told_of_twice(faked: Chain, hooks: Hooks) -> None:
    endpoint = hooks.endpoint(URL)
    message_id = send_one(faked)

    hooks.hand_on()

    assert told(hooks, endpoint.id) == ["message.accepted", "message.sent"]
    assert {one.message_id for one in hooks.deliveries(endpoint.id)} == {message_id}


def test_payload_says_what_became_of_each_recipient(faked: Chain, hooks: Hooks) -> None:
    endpoint = hooks.endpoint(URL, "message.partially_sent")
    account_id = faked.account()
    refusal = Reply(550, "5.7.1 no")
    fake_of(faked, account_id).answers = [SendResult("s:25", Reply(250, "ok"), {"bob@example.com": refusal})]
    message_id = send_one(faked, "ann@example.com", "bob@example.com", tags=("invoice",), metadata={"order": 7})

    hooks.hand_on()

    [delivery] = hooks.deliveries(endpoint.id)
    payload = json.loads(delivery.payload)
    assert (payload["type"], payload["timestamp"]) == ("message.partially_sent", "2026-03-10T12:00:00.000Z")
    data = payload["data"]
    assert (data["id"], data["status"], data["reason"]) == (message_id, "partially_sent", "refused")
    assert (data["subject"], data["tags"], data["metadata"]) == ("Hello", ["invoice"], {"order": 7})
    assert data["account"] == {"id": account_id, "name": "Shop"}
    assert [(one["email"], one["status"], one["reply_code"]) for one in data["recipients"]] == [
        ("ann@example.com", "sent", 250),
        ("bob@example.com", "failed", 550),
    ]


def test_payloads_have_the_fields_that_the_guide_shows(faked: Chain, hooks: Hooks) -> None:
    endpoint = hooks.endpoint(URL, "message.sent", "account.*")
    send_one(faked)
    hooks.happen(EventKind.ACCOUNT_BROKEN)

    message, account = (json.loads(one.payload)["data"] for one in hooks.deliveries(endpoint.id))

    of_message, of_account = (json.loads(one)["data"] for one in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL))
    assert (message.keys(), account.keys()) == (of_message.keys(), of_account.keys())
    assert message["recipients"][0].keys() == of_message["recipients"][0].keys()


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (("*",), ["message.accepted", "message.cancelled"]),
        (("message.*",), ["message.accepted", "message.cancelled"]),
        (("message.cancelled",), ["message.cancelled"]),
        (("account.*", "message.failed"), []),
    ],
)
def test_endpoint_is_told_of_what_it_asked_for(
    faked: Chain, hooks: Hooks, events: tuple[str, ...], expected: list[str]
) -> None:
    endpoint = hooks.endpoint(URL, *events)
    faked.messages.cancel(faked.submit())

    hooks.hand_on()

    assert told(hooks, endpoint.id) == expected


def test_key_hears_of_its_own_messages_only_unless_it_manages(faked: Chain, hooks: Hooks, database: Database) -> None:
    add_key(database, "send", id=ACME.api_key_id)
    other, manager = add_key(database, "send", "read"), add_key(database, "manage")
    endpoints = [hooks.endpoint(URL, api_key_id=key) for key in (ACME.api_key_id, other, manager)]
    faked.submit()
    hooks.hand_on()
    hooks.happen(EventKind.ACCOUNT_PAUSED)

    heard = [told(hooks, endpoint.id) for endpoint in endpoints]

    assert heard == [["message.accepted"], [], ["message.accepted", "account.paused"]]


@pytest.mark.parametrize("end", [{"revoked_at": NOON}, {"expires_at": NOON}, {"active": False}])
def test_endpoint_of_a_key_that_opens_nothing_hears_nothing(
    faked: Chain, hooks: Hooks, database: Database, end: dict[str, Any]
) -> None:
    endpoint = hooks.endpoint(URL, api_key_id=add_key(database, "manage", **end))
    faked.submit()

    hooks.hand_on()

    assert told(hooks, endpoint.id) == []


def test_account_is_shown_as_it_stands(hooks: Hooks, database: Database) -> None:
    endpoint = hooks.endpoint(URL)
    database.write(lambda session: add_account(session, id="acc_mailbox", last_error="login refused", daily_limit=5))

    hooks.happen(EventKind.ACCOUNT_BROKEN)

    [delivery] = hooks.deliveries(endpoint.id)
    data = json.loads(delivery.payload)["data"]
    assert (data["id"], data["name"], data["last_error"], data["daily_limit"]) == (
        "acc_mailbox",
        "Shop",
        "login refused",
        5,
    )


def test_message_that_is_gone_leaves_what_the_event_knows(faked: Chain, hooks: Hooks, database: Database) -> None:
    endpoint = hooks.endpoint(URL)
    message_id = faked.submit(tags=("invoice",))
    database.write(lambda session: session.execute(delete(Message).where(Message.id == message_id)) and None)

    hooks.hand_on()

    [delivery] = hooks.deliveries(endpoint.id)
    data = json.loads(delivery.payload)["data"]
    assert (data["id"], data["status"], data["tags"]) == (message_id, None, ["invoice"])


def test_without_an_endpoint_nothing_is_kept(faked: Chain, hooks: Hooks, database: Database) -> None:
    faked.submit()
    hooks.hand_on()

    late = hooks.endpoint(URL)

    assert told(hooks, late.id) == []
    with database.read() as session:
        assert session.query(Event).count() == 0


def test_paused_endpoint_collects_for_a_day(hooks: Hooks) -> None:
    endpoint = hooks.endpoint(URL)
    hooks.endpoints.pause(endpoint.id)

    hooks.happen(EventKind.ACCOUNT_PAUSED)
    hooks.clock.advance(hours=24)
    hooks.happen(EventKind.ACCOUNT_RESUMED)

    assert told(hooks, endpoint.id) == ["account.paused"]


def test_deleted_endpoint_is_told_nothing(hooks: Hooks) -> None:
    endpoint = hooks.endpoint(URL)
    hooks.endpoints.delete(endpoint.id)

    hooks.happen()

    assert told(hooks, endpoint.id) == []


def test_copies_for_several_endpoints_have_ids_of_their_own(hooks: Hooks, receiver: WebhookReceiver) -> None:
    endpoints = [hooks.endpoint(receiver), hooks.endpoint(receiver)]

    hooks.happen()
    hooks.turn()

    assert len(set(receiver.ids)) == 2
    assert sorted(receiver.ids) == sorted(hooks.deliveries(one.id)[0].id for one in endpoints)
