"""Flags: set whatever they were, or only where nobody was faster."""

from datetime import timedelta

import gevent
import pytest
from gevent.event import Event
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import Flag, ScheduleRun
from tests.fakes import NOON
from tests.services_up import needs_postgres


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def either(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")
    return database


def value_of(database: Database, name: str) -> object:
    with database.read() as session:
        found = session.get(Flag, name)
        return None if found is None else found.value


def test_flag_that_is_put_takes_the_place_of_what_it_was(either: Database) -> None:
    for value in ({"a": 1}, {"b": 2}):
        either.write(lambda session, value=value: Flag.put(session, "one", value, now=NOON))

    assert value_of(either, "one") == {"b": 2}


def test_flag_that_is_set_stays_what_it_was(either: Database) -> None:
    outcomes = [
        either.write(lambda session, value=value: Flag.put_new(session, "one", value, now=NOON))
        for value in ("first", "second")
    ]

    assert outcomes == [True, False]
    assert value_of(either, "one") == "first"


@pytest.mark.postgres
@needs_postgres
def test_flag_that_two_put_at_once_is_what_the_last_one_said(postgres_database: Database) -> None:
    """Both begin while there is none, and the first has not committed when the second one writes."""
    both_began, first_wrote = Event(), Event()

    def first(session: Session) -> None:
        assert session.get(Flag, "one") is None
        both_began.wait(10)
        Flag.put(session, "one", "first", now=NOON)
        session.flush()
        first_wrote.set()

    def second(session: Session) -> None:
        assert session.get(Flag, "one") is None
        both_began.set()
        first_wrote.wait(10)
        Flag.put(session, "one", "second", now=NOON)

    both = [gevent.spawn(postgres_database.write, write) for write in (first, second)]
    gevent.joinall(both, raise_error=True)

    assert value_of(postgres_database, "one") == "second"


def test_run_that_is_noted_takes_the_place_of_the_one_before(either: Database) -> None:
    for moment in (NOON, NOON + timedelta(hours=1)):
        either.write(lambda session, moment=moment: ScheduleRun.put(session, "prune", moment))

    with either.read() as session:
        assert session.get_one(ScheduleRun, "prune").last_run_at == NOON + timedelta(hours=1)
