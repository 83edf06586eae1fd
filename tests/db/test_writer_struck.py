"""The writer outlives whatever is raised in its thread: a dead one would leave everybody waiting for ever."""

import gevent
import pytest
from gevent import Greenlet, GreenletExit
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.errors import StorageUnavailable
from tests.built_appliance import greenlet_of
from tests.db.writes import group_writer, names, put

STRIKES = [SystemExit("leave"), GreenletExit("killed"), KeyboardInterrupt(), MemoryError("no memory")]


@pytest.mark.parametrize("error", STRIKES, ids=lambda error: type(error).__name__)
def test_what_a_write_raises_hits_its_caller_alone(database: Database, error: BaseException) -> None:
    def struck(_: Session) -> str:
        raise error

    told: list[BaseException] = []

    def caller() -> None:
        try:
            database.write(struck)
        except BaseException as raised:  # noqa: BLE001 - the test is about these
            told.append(raised)

    greenlets = [gevent.spawn(database.write, put("a")), gevent.spawn(caller), gevent.spawn(database.write, put("b"))]
    gevent.joinall(greenlets, timeout=10)

    assert [greenlets[0].value, greenlets[2].value] == ["a", "b"]
    assert told == [error]
    assert names(database) == ["a", "b"]
    assert database.write(put("c")) == "c"


def test_a_writer_that_is_struck_while_it_waits_goes_on(database: Database) -> None:
    database.write(put("a"))

    _strike(database)

    assert database.write(put("b")) == "b"
    assert names(database) == ["a", "b"]


def test_callers_are_told_when_the_writer_is_struck_during_their_commit(database: Database) -> None:
    """What became of the commit is not known here; it is whole or not at all, and the next one follows it."""
    gone_on = []

    def then_strike(session: Session) -> None:
        put("a")(session)
        if not gone_on:
            gone_on.append(True)
            gevent.spawn(_strike, database)

    with pytest.raises(StorageUnavailable):
        database.write(then_strike)

    assert database.write(put("b")) == "b"
    assert names(database) in (["a", "b"], ["b"])


def _strike(database: Database) -> None:
    loop = greenlet_of(group_writer(database)._thread)
    assert isinstance(loop, Greenlet)
    loop.kill(GreenletExit("struck"), block=False)
    gevent.sleep(0)
