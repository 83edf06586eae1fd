"""Each action on many messages: which it changes, which it leaves alone, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from appliance.db.database import Database
from appliance.db.models import Event, Message, MessageBody, MessageDeed, Recipient
from appliance.db.models import message_sets as sets
from appliance.db.models.message import MessageStatus
from appliance.db.models.message_deed import DoneBy
from appliance.db.models.message_sets import SetAction
from appliance.db.models.recipient import RecipientStatus
from tests.factories import add_message
from tests.fakes import NOON
from tests.services_up import needs_postgres

LATER = NOON + timedelta(hours=1)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def either(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")
    return database


@pytest.fixture
def one_of_each(either: Database) -> dict[str, str]:
    """A message in each state: id by state."""
    return {
        status: either.write(lambda session, status=status: add_message(session, status=status))
        for status in MessageStatus
    }


def apply(database: Database, action: SetAction, ids: list[str]) -> int:
    return database.write(lambda session: sets.apply(session, action, ids, DoneBy("alice", "job_1"), now=LATER))


def statuses(database: Database) -> dict[str, str]:
    with database.read() as session:
        return {message_id: status for message_id, status in session.execute(select(Message.id, Message.status))}


@pytest.mark.parametrize(
    ("action", "changed", "becomes"),
    [
        (SetAction.CANCEL, {"scheduled", "queued", "deferred", "held"}, "cancelled"),
        (SetAction.RETRY, {"failed", "partially_sent", "suppressed", "deferred", "held"}, "queued"),
        (SetAction.RELEASE, {"held"}, "queued"),
        (SetAction.DELETE, {"sent", "partially_sent", "failed", "suppressed", "cancelled"}, None),
    ],
)
def test_action_changes_only_what_it_makes_sense_for(
    either: Database, one_of_each: dict[str, str], action: SetAction, changed: set[str], becomes: str | None
) -> None:
    count = apply(either, action, list(one_of_each.values()))

    after = statuses(either)
    expected = {status: becomes if status in changed else status for status in one_of_each}
    assert {status: after.get(message_id) for status, message_id in one_of_each.items()} == expected
    assert count == len(changed)


@pytest.mark.parametrize("action", SetAction)
def test_condition_says_beforehand_what_the_action_will_change(
    either: Database, one_of_each: dict[str, str], action: SetAction
) -> None:
    with either.read() as session:
        foretold = session.scalar(select(func.count()).select_from(Message).where(sets.movable(action, LATER)))

    assert apply(either, action, list(one_of_each.values())) == foretold


@pytest.mark.parametrize("action", SetAction)
def test_second_time_changes_nothing(either: Database, one_of_each: dict[str, str], action: SetAction) -> None:
    apply(either, action, list(one_of_each.values()))
    before = statuses(either)

    again = apply(either, action, list(one_of_each.values()))

    assert (again, statuses(either)) == (0, before)


def test_message_past_its_expiry_is_not_retried(either: Database) -> None:
    message = either.write(lambda session: add_message(session, status="failed", expires_at=NOON))

    assert apply(either, SetAction.RETRY, [message]) == 0
    assert statuses(either) == {message: "failed"}


def test_retry_opens_the_recipients_of_what_it_retried_and_of_nothing_else(either: Database) -> None:
    failed, sending = (
        either.write(lambda session, status=status: add_message(session, "ann@example.com", status=status))
        for status in ("failed", "sending")
    )
    either.write(
        lambda session: (
            Recipient.settle_pending(session, failed, RecipientStatus.FAILED, 550, "no", NOON)
            or Recipient.settle_pending(session, sending, RecipientStatus.FAILED, 550, "no", NOON)
        )
    )

    apply(either, SetAction.RETRY, [failed, sending])

    with either.read() as session:
        found = {one.message_id: one.status for one in session.scalars(select(Recipient))}
    assert found == {failed: "pending", sending: "failed"}


def test_cancelling_and_retrying_are_told_as_events(either: Database, one_of_each: dict[str, str]) -> None:
    apply(either, SetAction.CANCEL, [one_of_each["queued"]])
    apply(either, SetAction.RETRY, [one_of_each["failed"]])

    with either.read() as session:
        kinds = list(session.scalars(select(Event.kind).order_by(Event.id)))
    assert kinds == ["message.cancelled", "message.retried"]


def test_delete_leaves_nothing_of_the_message(either: Database, one_of_each: dict[str, str]) -> None:
    apply(either, SetAction.DELETE, [one_of_each["sent"]])

    with either.read() as session:
        for model in (Recipient, MessageBody):
            assert one_of_each["sent"] not in set(session.scalars(select(model.message_id)))


@pytest.mark.parametrize(
    ("action", "changed", "told"),
    [
        (SetAction.CANCEL, {"scheduled", "queued", "deferred", "held"}, "message.cancelled"),
        (SetAction.RETRY, {"failed", "partially_sent", "suppressed", "deferred", "held"}, "message.retried"),
        (SetAction.RELEASE, {"held"}, "message.released"),
    ],
)
def test_each_message_that_was_changed_says_by_whom(
    either: Database, one_of_each: dict[str, str], action: SetAction, changed: set[str], told: str
) -> None:
    apply(either, action, list(one_of_each.values()))

    with either.read() as session:
        deeds = session.scalars(select(MessageDeed)).all()
    assert {one.message_id for one in deeds} == {one_of_each[status] for status in changed}
    assert {(one.action, one.actor_name, one.job_id, one.at) for one in deeds} == {(told, "alice", "job_1", LATER)}


def test_what_is_deleted_takes_along_what_was_done_to_it(either: Database, one_of_each: dict[str, str]) -> None:
    apply(either, SetAction.CANCEL, [one_of_each["queued"]])

    apply(either, SetAction.DELETE, [one_of_each["queued"]])

    with either.read() as session:
        assert session.scalar(select(func.count()).select_from(MessageDeed)) == 0
