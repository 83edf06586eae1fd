"""From a message to a signed webhook, with the real process; and across a power cut."""

from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.functional.conftest import MakeAppliance
from tests.functional.mail import add_account, post
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until
from tests.webhook_receiver import WebhookReceiver, hang

LOCAL = "[webhooks]\nallow_http = true\nallow_networks = 127.0.0.0/8\ntimeout_seconds = 10\n"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def add_endpoint(appliance: Appliance, url: str, *events: str) -> dict[str, Any]:
    body = {"url": url, "events": list(events)}
    status, answer = appliance.request("POST", "/api/v1/webhooks", appliance.local_token(), body)
    assert status == 201, answer
    return dict(answer)


def deliveries(appliance: Appliance, endpoint_id: str) -> list[dict[str, Any]]:
    _, answer = appliance.request("GET", f"/api/v1/webhooks/{endpoint_id}/deliveries", appliance.local_token())
    return list(answer["items"])


def test_message_that_is_sent_reaches_the_receiver_signed(
    start_appliance: MakeAppliance, sink: SmtpSink, receiver: WebhookReceiver
) -> None:
    appliance = start_appliance(config=LOCAL)
    add_account(appliance, sink)
    endpoint = add_endpoint(appliance, receiver.url, "message.sent")

    message_id = post(appliance, "ann@example.com", metadata={"order": 7})

    wait_until(lambda: receiver.received, message="no webhook came")
    [received] = receiver.received
    event = Webhook(endpoint["secret"]).verify(received.body, received.headers)
    assert event["type"] == "message.sent"
    assert (event["data"]["id"], event["data"]["metadata"]) == (message_id, {"order": 7})
    assert event["data"]["recipients"][0]["reply_code"] == 250
    wait_until(lambda: deliveries(appliance, endpoint["id"])[0]["status"] == "delivered")
    assert appliance.stop() == 0


def test_webhook_caught_by_a_power_cut_comes_again_under_its_id(
    start_appliance: MakeAppliance, sink: SmtpSink, receiver: WebhookReceiver
) -> None:
    receiver.answers = [hang]
    appliance = start_appliance(config=LOCAL)
    add_account(appliance, sink)
    add_endpoint(appliance, receiver.url, "message.sent")
    post(appliance)
    wait_until(lambda: receiver.received, message="no webhook came")

    appliance.kill()
    appliance.start()

    wait_until(lambda: len(receiver.received) == 2, message="it did not come again")
    assert len(set(receiver.ids)) == 1


def test_endpoint_on_this_machine_is_refused_by_default(start_appliance: MakeAppliance) -> None:
    appliance = start_appliance()

    status, answer = appliance.request(
        "POST", "/api/v1/webhooks", appliance.local_token(), {"url": "https://127.0.0.1/hooks"}
    )

    assert status == 422
    assert "not a public address" in answer["errors"][0]["message"]
