"""A program and a person are told the same of a message, whatever state it is in."""

from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models.message import MessageStatus, Reason
from tests.factories import add_message
from tests.web.api.letters import MESSAGES
from tests.web.conftest import ApiClient

WAITING = (MessageStatus.SCHEDULED, MessageStatus.QUEUED, MessageStatus.DEFERRED)
CAUSES = [
    *((status, "") for status in MessageStatus),
    *((MessageStatus.HELD, reason) for reason in Reason),
    *((MessageStatus.FAILED, reason) for reason in (Reason.REFUSED, Reason.EXHAUSTED, Reason.EXPIRED, Reason.INVALID)),
]


@pytest.mark.parametrize(("status", "reason"), CAUSES)
def test_page_and_api_say_the_same(
    api: ApiClient, alice: FlaskClient, core: Core, status: MessageStatus, reason: str
) -> None:
    due_at = utc_now() + timedelta(hours=1) if status in WAITING else None
    message_id = core.database.write(lambda session: add_message(session, status=status, reason=reason, due_at=due_at))

    said = api.get(f"{MESSAGES}/{message_id}").get_json()["explanation"]
    page = " ".join(unescape(alice.get(f"/messages/{message_id}").text).split())

    assert said.endswith(".")
    assert " ".join(said.split()) in page
