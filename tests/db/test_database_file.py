"""An SQLite database as a file."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from gevent.threadpool import ThreadPool
from sqlalchemy import text

from appliance.db.database import Database
from appliance.db.database_file import DatabaseFile
from appliance.db.models import Flag
from tests.factories import add_account, add_message
from tests.fakes import NOON


def nobody(_done: int, _total: int) -> None:
    """Watches a copy without a word."""


def count(path: Path, table: str = "messages") -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_copy_holds_what_was_committed_and_needs_no_file_beside_it(database: Database, tmp_path: Path) -> None:
    database.write(add_message)
    copy = tmp_path / "copies" / "copy.db"
    copy.parent.mkdir()

    DatabaseFile(tmp_path / "postroom.db").copy_to(copy, progress=nobody)

    assert [path.name for path in copy.parent.iterdir()] == ["copy.db"]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert (count(copy), DatabaseFile(copy).damage(thorough=True)) == (1, "")


def test_copy_is_of_the_moment_of_the_call_however_much_is_written_meanwhile(
    database: Database, tmp_path: Path
) -> None:
    for _ in range(300):
        database.write(add_message)
    steps: list[int] = []

    def write_between(done: int, _total: int) -> None:
        steps.append(done)
        database.write(add_message)

    DatabaseFile(tmp_path / "postroom.db").copy_to(tmp_path / "copy.db", progress=write_between)

    assert len(steps) >= 1
    assert count(tmp_path / "copy.db") == 300
    assert count(tmp_path / "postroom.db") == 300 + len(steps)


def test_writers_are_not_held_up_by_a_copy(database: Database, tmp_path: Path) -> None:
    database.write(add_message)
    halfway, go_on = threading.Event(), threading.Event()

    def pause(_done: int, _total: int) -> None:
        halfway.set()
        go_on.wait()

    copying = threading.Thread(
        target=lambda: DatabaseFile(tmp_path / "postroom.db").copy_to(tmp_path / "copy.db", progress=pause)
    )
    copying.start()
    halfway.wait()

    database.write(add_message)

    go_on.set()
    copying.join()
    assert count(tmp_path / "postroom.db") == 2


def test_copy_runs_in_a_native_thread(database: Database, tmp_path: Path) -> None:
    database.write(add_message)
    original = DatabaseFile(tmp_path / "postroom.db")

    ThreadPool(1).apply(lambda: original.copy_to(tmp_path / "copy.db", progress=nobody))

    assert count(tmp_path / "copy.db") == 1


def test_what_the_watcher_raises_ends_the_copy(database: Database, tmp_path: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DatabaseFile(tmp_path / "postroom.db").copy_to(tmp_path / "copy.db", progress=stop)


def test_damage_is_found(database: Database, tmp_path: Path) -> None:
    for _ in range(50):
        database.write(add_message)
    copy = tmp_path / "copy.db"
    DatabaseFile(tmp_path / "postroom.db").copy_to(copy, progress=nobody)
    content = bytearray(copy.read_bytes())
    content[8192 : len(content) // 2] = bytes(len(content) // 2 - 8192)
    copy.write_bytes(content)

    assert DatabaseFile(copy).damage(thorough=False) != ""


def test_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_text("Dear Ann, " * 500)

    assert "not a database" in DatabaseFile(tmp_path / "letter.db").damage(thorough=True)


def test_facts_are_read_of_this_schema(database: Database, tmp_path: Path) -> None:
    database.write(lambda session: add_message(session, status="sent"))
    database.write(lambda session: add_account(session, password_encrypted="token"))
    file = DatabaseFile(tmp_path / "postroom.db")

    assert file.messages_by_status() == {"sent": 1}
    assert list(file.encrypted()) == [("sender_accounts", "token")]
    assert list(file.attachments()) == []
    assert str(file.revision()).startswith("00")


def test_facts_are_read_of_a_database_that_lacks_the_tables(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute("CREATE TABLE something (x)")
    file = DatabaseFile(tmp_path / "old.db")

    assert (file.revision(), file.messages_by_status()) == (None, {})
    assert (list(file.encrypted()), list(file.attachments())) == ([], [])


def test_change_is_there_afterwards(database: Database, tmp_path: Path) -> None:
    DatabaseFile(tmp_path / "postroom.db").change(lambda session: Flag.put(session, "x", {"y": 1}, now=NOON))

    with database.read() as session:
        assert session.get_one(Flag, "x").value == {"y": 1}


def test_overwriting_takes_back_the_content_of_a_copy(database: Database, tmp_path: Path) -> None:
    database.write(add_message)
    file = DatabaseFile(tmp_path / "postroom.db")
    file.copy_to(tmp_path / "copy.db", progress=nobody)
    database.write(add_message)

    file.overwrite_with(tmp_path / "copy.db")

    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM messages")) == 1
