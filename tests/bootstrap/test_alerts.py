"""Alerts reach a real receiver by a URL of Apprise, and a URL that does not answer holds nobody up."""

import json
import logging

import gevent
import pytest

from appliance.bootstrap.alerts import AppriseUrls
from appliance.bootstrap.native import NativeThreads
from appliance.errors import Unavailable
from tests.webhook_receiver import WebhookReceiver, hang

NATIVE = NativeThreads(1)


def test_a_url_is_told() -> None:
    with WebhookReceiver(200) as receiver:
        AppriseUrls([f"json://127.0.0.1:{receiver.port}/alerts"], 20, NATIVE.apply).tell(
            "Disk nearly full", "900 MB are left."
        )

    [received] = receiver.received
    body = json.loads(received.body)
    assert (body["title"], body["message"]) == ("Disk nearly full", "900 MB are left.")


def test_those_that_did_not_take_it_are_named_without_their_secrets() -> None:
    with WebhookReceiver(500, 200) as receiver:
        good, bad = f"json://127.0.0.1:{receiver.port}/a", f"json://shop:secret@127.0.0.1:{receiver.port}/b"

        with pytest.raises(Unavailable) as caught:
            AppriseUrls([bad, good, "nonsense://secret"], 20, NATIVE.apply).tell("Title", "Text")

    assert str(caught.value) == "Not taken by json://…, nonsense://…. Check [alerts] urls."
    assert len(receiver.received) == 2


def test_no_url_is_in_the_log_however_much_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with WebhookReceiver(500) as receiver, pytest.raises(Unavailable):
        AppriseUrls([f"json://127.0.0.1:{receiver.port}/TokenOfOurChat"], 20, NATIVE.apply).tell("Title", "Text")

    assert "TokenOfOurChat" not in caplog.text


def test_one_that_does_not_answer_is_given_up_in_time() -> None:
    with WebhookReceiver(hang) as receiver, pytest.raises(Unavailable, match=r"did not answer within 0\.5 s"):
        AppriseUrls([f"json://127.0.0.1:{receiver.port}/a"], 0.5, NATIVE.apply).tell("Title", "Text")


def test_meanwhile_everything_else_goes_on() -> None:
    with WebhookReceiver(hang) as receiver:
        url = f"json://127.0.0.1:{receiver.port}/a"
        telling = gevent.spawn(AppriseUrls([url], 20, NATIVE.apply).tell, "Title", "Text")
        while not receiver.received:
            gevent.sleep(0.01)

        assert not telling.ready()
        telling.kill()
