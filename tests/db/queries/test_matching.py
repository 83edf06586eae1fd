"""Looks at what a filter matches: short, in order, complete; on both databases."""

import pytest

from appliance.db.database import Database
from appliance.db.models.message_sets import SetAction
from appliance.db.queries import matching
from appliance.db.queries.matching import MessageSet
from appliance.db.queries.message_filters import Filters
from tests.factories import add_message
from tests.fakes import NOON
from tests.services_up import needs_postgres


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def either(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")
    return database


@pytest.fixture
def ids(either: Database) -> list[str]:
    """Ten messages; every third failed."""
    statuses = ["failed" if number % 3 == 0 else "queued" for number in range(10)]
    return [either.write(lambda session, status=status: add_message(session, status=status)) for status in statuses]


def looks(database: Database, wanted: MessageSet, limit: int) -> list[list[str]]:
    found, after = [], ""
    with database.read() as session:
        while look := matching.look(session, wanted, after=after, limit=limit):
            found.append(list(look.ids))
            after = look.cursor
    return found


def test_there_is_nothing_in_an_empty_database(either: Database) -> None:
    with either.read() as session:
        newest = matching.newest(session)

    assert (newest, looks(either, MessageSet(Filters(), newest), 5)) == ("", [])


def test_looks_go_from_the_oldest_to_the_newest(either: Database, ids: list[str]) -> None:
    assert looks(either, MessageSet(Filters(), ids[-1]), 4) == [ids[:4], ids[4:8], ids[8:]]


def test_what_is_younger_than_the_newest_is_not_looked_at(either: Database, ids: list[str]) -> None:
    assert looks(either, MessageSet(Filters(), ids[3]), 10) == [ids[:4]]


def test_look_goes_no_further_than_a_stretch(either: Database, ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MOST_LOOKED_AT", 2)

    found = looks(either, MessageSet(Filters(status=("failed",)), ids[-1]), 10)

    assert found == [[ids[0]], [ids[3]], [], [ids[6]], [ids[9]]]


def test_named_messages_are_looked_at_by_their_names(either: Database, ids: list[str]) -> None:
    wanted = MessageSet(Filters(status=("failed",)), ids[-1], [ids[6], ids[1], ids[0], "msg_nobody"])

    assert looks(either, wanted, 2) == [[ids[0]], [ids[6]]]


def test_count_tells_states_and_what_would_change(either: Database, ids: list[str]) -> None:
    with either.read() as session:
        count = matching.count(session, MessageSet(Filters(), ids[-1]), SetAction.CANCEL, after="", now=NOON)

    assert count is not None
    assert (count.by_status, count.changes, count.cursor) == ({"failed": 4, "queued": 6}, 6, ids[-1])


def test_state_that_was_asked_for_is_asked_for_again(either: Database, ids: list[str]) -> None:
    with either.read() as session:
        still = matching.still(session, MessageSet(Filters(status=("failed",)), ids[-1]), ids[:4])
        any_state = matching.still(session, MessageSet(Filters(subject="Hello"), ids[-1]), ids[:4])

    assert (sorted(still), any_state) == ([ids[0], ids[3]], ids[:4])
