from typing import Any

import pytest

from appliance.db.database import Database
from appliance.db.models import Message, MessageSearch
from appliance.db.models.message_removal import remove_finished
from appliance.db.queries import messages
from tests.factories import add_message
from tests.fakes import NOON


def add(database: Database, **overrides: Any) -> str:
    return database.write(lambda session: add_message(session, **overrides))


def counts(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {status: count for status, count in messages.counts_by_status(session).items() if count}


def test_counts_follow_every_move_and_removal(database: Database) -> None:
    moved, failed = add(database), add(database, status="failed")
    add(database)
    assert counts(database) == {"queued": 2, "failed": 1}

    database.write(lambda session: Message.cancel(session, [moved], now=NOON))
    assert counts(database) == {"queued": 1, "cancelled": 1, "failed": 1}

    database.write(lambda session: remove_finished(session, [moved, failed]))
    assert counts(database) == {"queued": 1}


def test_counts_of_a_write_that_fails_are_not_kept(database: Database) -> None:
    def fail(session: Any) -> None:
        add_message(session)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        database.write(fail)

    assert counts(database) == {}


def test_number_that_is_taken_leaves_the_second_message_out(database: Database) -> None:
    first, second = add(database), add(database)
    row = {"number": 7, "text": "x"}

    database.write(lambda session: MessageSearch.add(session, [{**row, "message_id": first}]))
    database.write(lambda session: MessageSearch.add(session, [{**row, "message_id": second}]))

    with database.read() as session:
        taken = session.get(MessageSearch, 7)
        assert taken is not None
        assert taken.message_id == first
