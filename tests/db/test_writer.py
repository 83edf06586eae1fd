"""The one way in which anything is changed: durable when it returns, all or nothing, alone in its failure."""

import time
from pathlib import Path

import gevent
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.config.settings import DatabaseSettings
from appliance.db.database import Database
from appliance.db.models import Flag
from appliance.db.writer import MAX_BATCH
from appliance.errors import StorageUnavailable
from tests.db.writes import Broken, Write, at_once, group_writer, names, put, put_then_break
from tests.fakes import NOON
from tests.services_up import needs_postgres


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def any_database(request: pytest.FixtureRequest) -> Database:
    """Each test that asks for it runs on both kinds."""
    name = "database" if request.param == "sqlite" else "postgres_database"
    found: Database = request.getfixturevalue(name)
    return found


def test_write_returns_what_the_function_returns_once_it_can_be_read(any_database: Database) -> None:
    assert any_database.write(put("a")) == "a"
    assert names(any_database) == ["a"]


def test_function_that_raises_leaves_nothing_and_its_caller_gets_the_error(any_database: Database) -> None:
    with pytest.raises(Broken, match="a"):
        any_database.write(put_then_break("a"))

    assert names(any_database) == []
    assert any_database.write(put("b")) == "b"


@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_function_that_raises_fails_alone_in_its_batch(any_database: Database, position: int) -> None:
    writes = [put("a"), put("b"), put("c")]
    writes.insert(position, put_then_break("x"))

    answers = at_once(any_database, *writes)

    assert [str(answer) for answer in answers if isinstance(answer, Broken)] == ["x"]
    assert [answer for answer in answers if isinstance(answer, str)] == ["a", "b", "c"]
    assert names(any_database) == ["a", "b", "c"]


def test_each_of_several_failing_functions_gets_its_own_error(any_database: Database) -> None:
    answers = at_once(any_database, put_then_break("x"), put("a"), put_then_break("y"), put("a"))

    assert [str(answers[0]), str(answers[2])] == ["x", "y"]
    assert names(any_database) == ["a"]
    assert sum(isinstance(answer, IntegrityError) for answer in answers) == 1


def test_error_that_shows_at_the_flush_belongs_to_its_write(any_database: Database) -> None:
    any_database.write(put("a"))

    answers = at_once(any_database, put("b"), put("a"), put("c"))

    assert [type(answer) for answer in answers] == [str, IntegrityError, str]
    assert names(any_database) == ["a", "b", "c"]


def test_write_that_is_run_again_beside_a_failing_one_has_its_effect_once(database: Database) -> None:
    database.write(lambda session: session.add(Flag(name="n", value=0, changed_at=NOON)))
    runs: list[str] = []

    def count(session: Session) -> None:
        runs.append("run")
        session.execute(text("UPDATE flags SET value = value + 1"))

    at_once(database, count, put_then_break("x"), count)

    assert len(runs) == 3  # the first again, the last only once
    with database.read() as session:
        assert session.execute(text("SELECT value FROM flags")).scalar_one() == 2


def test_writes_of_a_batch_see_what_those_before_them_did(database: Database) -> None:
    def add_one(session: Session) -> int:
        flag = session.get(Flag, "n") or session.merge(Flag(name="n", value=0, changed_at=NOON))
        flag.value = flag.value + 1
        return int(flag.value)

    assert at_once(database, *[add_one] * 10) == list(range(1, 11))


def test_many_writes_at_once_take_few_commits(database: Database) -> None:
    statistics = group_writer(database).statistics

    at_once(database, *(put(f"{number:03}") for number in range(300)))

    assert len(names(database)) == 300
    assert statistics.writes == 300
    assert statistics.commits < 100
    assert 1 < statistics.largest_batch <= MAX_BATCH


def test_stop_finishes_what_is_queued(database: Database) -> None:
    writes = [gevent.spawn(database.write, put(f"{number:03}")) for number in range(50)]
    gevent.sleep(0)

    database.writer.stop()

    gevent.joinall(writes, raise_error=True, timeout=5)
    assert all(write.successful() for write in writes)
    assert len(names(database)) == 50


def test_write_after_stop_is_refused(database: Database) -> None:
    database.writer.stop()

    with pytest.raises(StorageUnavailable, match="is stopping"):
        database.write(put("a"))


def test_write_before_start_is_refused(database_file: Path) -> None:
    unstarted = Database(f"sqlite:///{database_file}", DatabaseSettings())

    with pytest.raises(StorageUnavailable):
        unstarted.write(put("a"))


def test_start_and_stop_twice_are_harmless_and_it_starts_again(database: Database) -> None:
    database.start()
    database.writer.stop()
    database.writer.stop()
    database.start()
    database.start()

    assert database.write(put("a")) == "a"


def test_stop_without_start_is_harmless(database_file: Path) -> None:
    Database(f"sqlite:///{database_file}", DatabaseSettings()).stop()


def test_memory_database_takes_ordinary_transactions() -> None:
    database = Database("sqlite://", DatabaseSettings())
    database.start()

    database.write(lambda session: session.execute(text("CREATE TABLE t (x)")))

    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    database.stop()


def test_reader_that_tries_to_write_is_told_so(database: Database) -> None:
    with pytest.raises(StorageUnavailable, match="readonly"), database.read() as session:
        session.execute(text("DELETE FROM flags"))


def test_slow_writes_are_split_over_several_commits(database: Database) -> None:
    def slow(name: str) -> Write:
        def write(session: Session) -> None:
            put(name)(session)
            until = time.perf_counter() + 0.012
            while time.perf_counter() < until:
                pass

        return write

    at_once(database, *(slow(name) for name in "abcd"))

    assert names(database) == list("abcd")
    assert group_writer(database).statistics.commits >= 4
