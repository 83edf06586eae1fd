"""The writer when the disk is full, the database locked or the server gone, and what it leaves to the hub meanwhile."""

import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import monkey
from gevent.threadpool import ThreadPool
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from appliance.config.settings import DatabaseSettings
from appliance.db.database import Database
from appliance.db.engine import create_database_engine
from appliance.db.writer import GroupCommitWriter
from appliance.errors import StorageUnavailable
from tests.db.writes import Write, at_once, group_writer, names, put
from tests.services_up import needs_postgres
from tests.waiting import wait_until


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
    return lambda session: (
        session.execute(text("INSERT INTO t VALUES (:x, zeroblob(:size))"), {"x": number, "size": size}).rowcount
    )


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

    with database.read() as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(StorageUnavailable, match="QueuePool limit"):
            database.write(put("a"))

    database.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_disk_that_is_really_full_refuses_until_there_is_space_again(small_disk: Path, native: ThreadPool) -> None:
    database = Database(f"sqlite:///{small_disk / 'x.db'}", DatabaseSettings(), native.apply)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x INTEGER PRIMARY KEY, data BLOB)")
    database.start()
    database.write(insert(1))
    ballast = small_disk / "ballast"
    fill(ballast)

    answers = at_once(database, insert(2, size=100_000), insert(3, size=100_000))

    assert [type(answer) for answer in answers] == [StorageUnavailable] * 2
    assert numbers(database) == [1]
    ballast.unlink()
    database.write(insert(4, size=100_000))
    assert numbers(database) == [1, 4]
    database.stop()
    with closing(sqlite3.connect(small_disk / "x.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_while_one_write_waits_for_a_lock_that_was_too_long_before_others_are_told_at_once(
    database_file: Path, native: ThreadPool
) -> None:
    engine = create_database_engine(f"sqlite:///{database_file}", DatabaseSettings())
    timeouts = [50, 60_000]
    event.listen(
        engine, "connect", lambda connection, _: connection.execute(f"PRAGMA busy_timeout = {timeouts.pop(0)}")
    )
    writer = GroupCommitWriter(engine, native.apply)
    writer.start()
    other = locked_by_another(database_file)
    with pytest.raises(StorageUnavailable, match="locked"):
        writer.write(put("a"))
    trying = gevent.spawn(writer.write, put("b"))
    wait_until(lambda: not timeouts)

    with pytest.raises(StorageUnavailable, match="locked"):
        writer.write(put("c"))

    assert not trying.ready()
    other.rollback()
    other.close()
    trying.join(timeout=15)
    assert trying.value == "b"
    assert writer.write(put("d")) == "d"
    writer.stop()
    engine.dispose()
