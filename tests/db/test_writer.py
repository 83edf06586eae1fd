"""The one way in which anything is changed: durable when it returns, all or nothing, alone in its failure."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import monkey
from gevent.threadpool import ThreadPool
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.config.settings import DatabaseSettings
from appliance.db.database import Database
from appliance.db.engine import create_database_engine
from appliance.db.models import Flag
from appliance.db.writer import MAX_BATCH, GroupCommitWriter
from appliance.errors import StorageUnavailable
from tests.fakes import NOON
from tests.services_up import needs_postgres
from tests.waiting import wait_until

Write = Callable[[Session], Any]


class Broken(Exception):
    pass


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def any_database(request: pytest.FixtureRequest) -> Database:
    """Each test that asks for it runs on both kinds."""
    name = "database" if request.param == "sqlite" else "postgres_database"
    found: Database = request.getfixturevalue(name)
    return found


def put(name: str) -> Write:
    def write(session: Session) -> str:
        session.add(Flag(name=name, value=1, changed_at=NOON))
        return name

    return write


def put_then_break(name: str) -> Write:
    def write(session: Session) -> None:
        session.add(Flag(name=name, value=1, changed_at=NOON))
        session.flush()
        raise Broken(name)

    return write


def names(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Flag.name).order_by(Flag.name)))


def at_once(database: Database, *writes: Write) -> list[Any]:
    """All of them in one batch; gives the result or the error of each."""

    def run(write: Write) -> Any:
        try:
            return database.write(write)
        except (Broken, IntegrityError, StorageUnavailable) as error:
            return error

    greenlets = [gevent.spawn(run, write) for write in writes]
    gevent.joinall(greenlets, raise_error=True)
    return [greenlet.value for greenlet in greenlets]


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


def group_writer(database: Database) -> GroupCommitWriter:
    assert isinstance(database.writer, GroupCommitWriter)
    return database.writer


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


def test_hub_goes_on_while_a_commit_is_slow(database_file: Path) -> None:
    """The commit of the test stands still in its native thread until the hub has turned many times."""
    pool, gate, entered = ThreadPool(1), _NativeGate(), _NativeGate()

    def slowly(fn: Callable[[], Any]) -> Any:
        def wait_then_run() -> Any:
            entered.open()
            gate.pass_through()
            return fn()

        return pool.apply(wait_then_run)

    database = Database(f"sqlite:///{database_file}", DatabaseSettings(), slowly)
    database.start()
    write = gevent.spawn(database.write, put("a"))
    wait_until(entered.is_open)

    turns = 0
    for _ in range(100):
        gevent.sleep(0)
        turns += 1
    assert (turns, write.ready()) == (100, False)

    gate.open()
    write.join(timeout=5)
    assert write.value == "a"
    database.stop()
    pool.kill()


class _NativeGate:
    """Real threads wait here: the locks of `threading` are greenlets' in a patched process."""

    def __init__(self) -> None:
        self._lock = monkey.get_original("_thread", "allocate_lock")()
        self._lock.acquire()
        self._open = False

    def open(self) -> None:
        if not self._open:
            self._open = True
            self._lock.release()

    def is_open(self) -> bool:
        return self._open

    def pass_through(self) -> None:
        self._lock.acquire()
        self._lock.release()


def test_commit_and_begin_leave_the_thread_of_the_hub(database_file: Path) -> None:
    pool = ThreadPool(1)
    get_ident = monkey.get_original("_thread", "get_ident")
    seen: set[int] = set()

    def watched(fn: Callable[[], Any]) -> Any:
        def run() -> Any:
            seen.add(get_ident())
            return fn()

        return pool.apply(run)

    database = Database(f"sqlite:///{database_file}", DatabaseSettings(), watched)
    database.start()

    database.write(put("a"))

    assert seen
    assert get_ident() not in seen
    database.stop()
    pool.kill()


@pytest.fixture
def small_database(tmp_path: Path, native: ThreadPool) -> Iterator[Database]:
    """May grow to a few pages only: SQLite then says what it says on a full disk (SQLITE_FULL)."""
    url = f"sqlite:///{tmp_path / 'small.db'}"
    database = Database(url, DatabaseSettings(), native.apply)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x INTEGER PRIMARY KEY, data BLOB)")
    database.start()
    yield database
    database.stop()


def limit_pages(session: Session, pages: int) -> None:
    session.execute(text(f"PRAGMA max_page_count = {pages}"))


def insert(number: int, size: int = 10) -> Write:
    return lambda session: session.execute(
        text("INSERT INTO t VALUES (:x, zeroblob(:size))"), {"x": number, "size": size}
    ).rowcount


def numbers(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(text("SELECT x FROM t ORDER BY x")))


def test_full_disk_fails_every_caller_keeps_nothing_and_heals(small_database: Database) -> None:
    small_database.write(insert(1))
    small_database.write(lambda session: limit_pages(session, 10))

    answers = at_once(small_database, insert(2), insert(3, size=1_000_000), insert(4))

    assert [type(answer) for answer in answers] == [StorageUnavailable] * 3
    assert "full" in str(answers[0])
    assert "Check disk space" in str(answers[0])
    assert numbers(small_database) == [1]
    assert group_writer(small_database).statistics.failed_commits == 1
    assert small_database.write(insert(5)) == 1
    assert numbers(small_database) == [1, 5]


def test_another_process_that_holds_the_lock_is_waited_for(database: Database, database_file: Path) -> None:
    other = locked_by_another(database_file)
    write = gevent.spawn(database.write, put("a"))
    wait_until(lambda: group_writer(database)._connection is not None)
    gevent.sleep(0)
    assert not write.ready()

    other.rollback()

    write.join(timeout=15)
    assert write.value == "a"
    other.close()


def test_lock_that_is_held_too_long_fails_every_caller_and_heals(database_file: Path, native: ThreadPool) -> None:
    engine = create_database_engine(f"sqlite:///{database_file}", DatabaseSettings())
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 50"))
    impatient_writer = GroupCommitWriter(engine, native.apply)
    impatient_writer.start()
    other = locked_by_another(database_file)
    greenlets = [gevent.spawn(impatient_writer.write, put(name)) for name in "abc"]

    gevent.joinall(greenlets, timeout=10)

    assert [type(greenlet.exception) for greenlet in greenlets] == [StorageUnavailable] * 3
    assert "locked" in str(greenlets[0].exception)
    other.rollback()
    other.close()
    assert impatient_writer.write(put("d")) == "d"
    impatient_writer.stop()
    engine.dispose()


def locked_by_another(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


@needs_postgres
@pytest.mark.postgres
def test_postgresql_that_cuts_every_connection_is_unavailable_then_heals(postgres_database: Database) -> None:
    postgres_database.write(put("a"))

    def cut_myself_off(session: Session) -> None:
        put("b")(session)
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StorageUnavailable, match="terminat"):
        postgres_database.write(cut_myself_off)

    assert postgres_database.write(put("c")) == "c"
    assert names(postgres_database) == ["a", "c"]


@needs_postgres
@pytest.mark.postgres
def test_pool_without_a_free_connection_is_unavailable(postgres_url: str) -> None:
    database = Database(postgres_url, DatabaseSettings(pool_size=1, max_overflow=0, pool_timeout=0.05))

    with (
        database.read() as holding,
        pytest.raises(StorageUnavailable),
    ):
        holding.execute(text("SELECT 1"))
        database.write(lambda session: session.execute(text("SELECT 1")))

    database.stop()


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
