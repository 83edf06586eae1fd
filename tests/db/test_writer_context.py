"""A write runs as if whoever asked for it ran it: in their language, and with their request in what it logs."""

from contextvars import ContextVar
from typing import Any

import gevent
import pytest
from sqlalchemy.orm import Session

from appliance import language
from appliance.db.database import Database
from tests.db.writes import Broken, put_then_break
from tests.marked import marked
from tests.services_up import needs_postgres

asked_by: ContextVar[str] = ContextVar("asked_by", default="nobody")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def any_database(request: pytest.FixtureRequest) -> Database:
    name = "database" if request.param == "sqlite" else "postgres_database"
    found: Database = request.getfixturevalue(name)
    return found


def refuse(_session: Session) -> None:
    raise Broken(language.gettext("taken"))


def who(_session: Session) -> str:
    return asked_by.get()


def test_what_a_write_refuses_is_said_in_the_language_of_who_asked(any_database: Database) -> None:
    with marked(), pytest.raises(Broken, match=r"^«taken»$"):
        any_database.write(refuse)

    with pytest.raises(Broken, match=r"^taken$"):
        any_database.write(refuse)


def test_each_write_of_a_batch_knows_its_own_caller_also_when_it_runs_again_beside_a_failing_one(
    any_database: Database,
) -> None:
    def ask(name: str) -> Any:
        asked_by.set(name)
        if name == "broken":
            with pytest.raises(Broken):
                any_database.write(put_then_break("x"))
            return name
        return any_database.write(who)

    greenlets = [gevent.spawn(ask, name) for name in ("ann", "broken", "bob")]
    gevent.joinall(greenlets, raise_error=True)

    assert [one.value for one in greenlets] == ["ann", "broken", "bob"]
    assert any_database.write(who) == "nobody"


def test_what_a_write_sets_stays_with_it(database: Database) -> None:
    def become(_session: Session) -> None:
        asked_by.set("somebody else")

    database.write(become)

    assert (database.write(who), asked_by.get()) == ("nobody", "nobody")
