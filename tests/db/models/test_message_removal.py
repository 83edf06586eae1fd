"""What has ended goes without a trace, on both databases; what has not stays untouched."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import (
    Base,
    DeliveryAttempt,
    Message,
    MessageAttachment,
    MessageBody,
    MessageDeed,
    MessageTag,
    Recipient,
)
from appliance.db.models.base import insert_rows
from appliance.db.models.message import RETRYABLE, UNFINISHED, MessageStatus
from appliance.db.models.message_deed import DoneBy
from appliance.db.models.message_removal import release_attachments, remove_attempts, remove_bodies, remove_finished
from appliance.db.models.message_search import MessageSearch
from tests.factories import add_attempt, add_message
from tests.fakes import NOON
from tests.services_up import needs_postgres

FINISHED = tuple(status for status in MessageStatus if status not in UNFINISHED)
HANGING = (MessageBody, MessageDeed, MessageSearch, MessageTag, MessageAttachment, DeliveryAttempt, Recipient)
EACH: tuple[Callable[[Session, list[str]], int], ...] = (
    remove_finished,
    remove_attempts,
    lambda session, ids: remove_bodies(session, ids, now=NOON),
    lambda session, ids: release_attachments(session, ids, now=NOON),
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def either(request: pytest.FixtureRequest) -> Database:
    """A database of each kind."""
    return request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")  # type: ignore[no-any-return]


def add(database: Database, status: MessageStatus) -> str:
    """A message with something in every table."""

    def write(session: Session) -> str:
        message_id = add_message(session, "ann@example.com", "bob@example.com", status=status)
        insert_rows(session, MessageTag, *({"message_id": message_id, "tag": tag} for tag in ("a", "b")))
        file = {"filename": "a.pdf", "content_type": "application/pdf", "size": 7, "sha256": "ab" * 32}
        insert_rows(session, MessageAttachment, {"message_id": message_id, **file})
        MessageDeed.note(session, [message_id], "message.retried", DoneBy("alice"), NOON)
        add_attempt(session, message_id)
        add_attempt(session, message_id, number=2)
        return message_id

    return database.write(write)


def rows_of(database: Database, message_id: str) -> dict[str, int]:
    with database.read() as session:
        hanging = {
            model.__tablename__: session.scalar(
                select(func.count()).select_from(model).where(model.message_id == message_id)
            )
            for model in HANGING
        }
        return {"messages": int(session.get(Message, message_id) is not None), **hanging}


def found(database: Database, message_id: str) -> Message:
    with database.read() as session:
        return session.get_one(Message, message_id)


WHOLE = {
    "messages": 1,
    "message_bodies": 1,
    "message_search": 1,
    "message_tags": 2,
    "message_attachments": 1,
    "delivery_attempts": 2,
    "message_deeds": 1,
    "recipients": 2,
}


def test_every_table_that_hangs_on_messages_is_known_here() -> None:
    hanging = {
        table.name
        for table in Base.metadata.tables.values()
        if any(key.column.table.name == "messages" for key in table.foreign_keys)
    }

    assert hanging == {model.__tablename__ for model in HANGING}


def test_message_that_has_ended_goes_with_all_its_rows(either: Database) -> None:
    gone, stays = add(either, MessageStatus.SENT), add(either, MessageStatus.SENT)

    removed = either.write(lambda session: remove_finished(session, [gone, "msg_unknown"]))

    assert removed == 1
    assert rows_of(either, gone) == dict.fromkeys(WHOLE, 0)
    assert rows_of(either, stays) == WHOLE


@pytest.mark.parametrize("status", FINISHED)
def test_every_end_counts(database: Database, status: MessageStatus) -> None:
    message_id = add(database, status)

    assert database.write(lambda session: remove_finished(session, [message_id])) == 1


def test_removing_twice_is_harmless(database: Database) -> None:
    message_id = add(database, MessageStatus.SENT)

    counts = [database.write(lambda session: remove_finished(session, [message_id])) for _ in range(2)]

    assert counts == [1, 0]
    assert database.write(lambda session: remove_finished(session, [])) == 0


@pytest.mark.parametrize("status", UNFINISHED)
def test_nothing_of_a_message_that_has_not_ended_goes(database: Database, status: MessageStatus) -> None:
    message_id = add(database, status)

    removed = [database.write(lambda session, verb=verb: verb(session, [message_id])) for verb in EACH]

    assert removed == [0, 0, 0, 0]
    assert rows_of(database, message_id) == WHOLE
    assert found(database, message_id).content_removed_at is None


def test_body_goes_alone_and_the_message_says_since_when(either: Database) -> None:
    message_id = add(either, MessageStatus.SENT)

    removed = either.write(lambda session: remove_bodies(session, [message_id], now=NOON))
    either.write(lambda session: release_attachments(session, [message_id], now=NOON + timedelta(days=1)))

    assert removed == 1
    assert rows_of(either, message_id) == WHOLE | {"message_bodies": 0}
    assert found(either, message_id).content_removed_at == NOON


def test_released_attachment_keeps_its_name(database: Database) -> None:
    message_id = add(database, MessageStatus.FAILED)

    counts = [database.write(lambda session: release_attachments(session, [message_id], now=NOON)) for _ in range(2)]

    assert counts == [1, 0]
    with database.read() as session:
        [file] = session.scalars(select(MessageAttachment))
    assert (file.filename, file.removed_at) == ("a.pdf", NOON)


def test_attempts_go_and_the_message_can_still_be_sent_again(database: Database) -> None:
    message_id = add(database, MessageStatus.FAILED)

    assert database.write(lambda session: remove_attempts(session, [message_id])) == 2

    assert rows_of(database, message_id) == WHOLE | {"delivery_attempts": 0}
    assert database.write(lambda session: Message.retry(session, [message_id], now=NOON)) == [message_id]


@pytest.mark.parametrize("status", [one for one in RETRYABLE if one in FINISHED])
def test_message_without_its_content_is_never_sent_again(database: Database, status: MessageStatus) -> None:
    message_id = add(database, status)
    database.write(lambda session: remove_bodies(session, [message_id], now=NOON))

    assert database.write(lambda session: Message.retry(session, [message_id], now=NOON)) == []
    assert database.write(lambda session: Message.reopen(session, [message_id], now=NOON)) == []

    assert found(database, message_id).status == status
