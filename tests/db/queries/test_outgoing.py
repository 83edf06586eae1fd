from typing import Any

import pytest

from appliance.db.database import Database
from appliance.db.models import MessageAttachment, MessageBody
from appliance.db.models.base import insert_rows
from appliance.db.queries import outgoing
from tests.factories import add_message, add_recipient

CLAIMED = {"status": "sending", "claim_id": "clm_1", "claim_account_id": "acc_1", "due_at": None}


def add(database: Database, *to: str, **overrides: Any) -> str:
    return database.write(lambda session: add_message(session, *to, **CLAIMED | overrides))


def of_claim(database: Database, *ids: str) -> list[outgoing.OutgoingMessage]:
    with database.read() as session:
        return outgoing.of_claim(session, "clm_1", ids)


def test_messages_come_whole_and_in_the_order_that_was_asked_for(database: Database) -> None:
    first, second = add(database, "ann@example.com", "bob@example.com"), add(database)
    attachment = {"filename": "a", "content_type": "text/plain", "content_id": None, "size": 1, "sha256": "ab" * 32}
    database.write(lambda session: insert_rows(session, MessageAttachment, {"message_id": first, **attachment}))

    found = of_claim(database, second, first)

    assert [message.id for message in found] == [second, first]
    assert [one.email for one in found[1].recipients] == ["ann@example.com", "bob@example.com"]
    assert (found[1].text, found[1].html, found[1].choice) == ("Hello Ann", None, None)
    assert found[1].attachments == (outgoing.OutgoingAttachment("a", "text/plain", None, 1, "ab" * 32),)


@pytest.mark.parametrize("change", [{"claim_id": "clm_2"}, {"begun": True}, {"status": "sent"}])
def test_what_is_not_ours_to_send_is_left_out(database: Database, change: dict[str, Any]) -> None:
    mine, other = add(database), add(database, **change)

    assert [message.id for message in of_claim(database, mine, other, "msg_none")] == [mine]


def test_pending_are_those_without_an_outcome(database: Database) -> None:
    message = add(database, "ann@example.com")
    database.write(lambda s: add_recipient(s, message, email="bob@example.com", status="sent"))

    [found] = of_claim(database, message)

    assert [one.email for one in found.pending] == ["ann@example.com"]


def test_message_whose_body_was_dropped_has_none(database: Database) -> None:
    message = add(database)
    database.write(lambda session: session.query(MessageBody).delete())

    [found] = of_claim(database, message)

    assert (found.text, found.html) == (None, None)
