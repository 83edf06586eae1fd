import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from appliance.config.settings import DatabaseSettings
from appliance.db.database import Database
from appliance.db.models import Flag
from appliance.db.space import DatabaseSpace
from tests.fakes import NOON
from tests.services_up import needs_postgres


def fill_and_empty(database: Database, rows: int = 400) -> None:
    """Leaves a file that is mostly free room."""
    for start in range(0, rows, 100):
        names = [f"flag_{number}" for number in range(start, start + 100)]
        database.write(
            lambda session, names=names: session.add_all(
                Flag(name=one, value="x" * 4000, changed_at=NOON) for one in names
            )
        )
    database.write(lambda session: session.execute(text("DELETE FROM flags")) and None)


def space_of(database: Database) -> DatabaseSpace:
    return DatabaseSpace(database, lambda fn: fn())


def test_new_file_gives_room_back_step_by_step(database: Database, database_file: Path) -> None:
    fill_and_empty(database)
    space = space_of(database)
    before = space.usage()
    assert before.shrinks
    assert before.free is not None
    assert before.free > 1_000_000

    space.give_back(pages=100)

    assert space.usage().size == before.size - 100 * 4096
    while space.usage().free:
        space.give_back(pages=100)
    space.empty_log()
    assert database_file.stat().st_size == space.usage().size < before.size / 4
    assert database_file.with_name("postroom.db-wal").stat().st_size == 0


def test_data_is_whole_after_the_file_was_cut(database: Database) -> None:
    fill_and_empty(database)
    database.write(lambda session: session.add(Flag(name="kept", value=[1, 2], changed_at=NOON)))

    space_of(database).give_back(pages=10_000)

    with database.read() as session:
        assert session.get_one(Flag, "kept").value == [1, 2]
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"


def test_file_that_was_made_otherwise_shrinks_once_it_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE flags (name TEXT PRIMARY KEY, value JSON, changed_at TIMESTAMP)")
    database = Database(f"sqlite:///{path}", DatabaseSettings())
    database.start()
    try:
        fill_and_empty(database)
        space = space_of(database)
        before = space.usage()

        space.give_back(pages=100)

        assert (before.shrinks, space.usage().size) == (False, before.size)
        space.rewrite()
        after = space.usage()
        assert (after.shrinks, after.free) == (True, 0)
        assert after.size < before.size / 10
    finally:
        database.stop()


def test_file_that_somebody_holds_is_an_error_that_tells(database: Database, database_file: Path) -> None:
    fill_and_empty(database, rows=100)
    with sqlite3.connect(database_file, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        space = DatabaseSpace(database, lambda fn: fn(), busy_seconds=0)

        with pytest.raises(sqlite3.OperationalError, match="locked"):
            space.give_back(pages=1)


def test_reader_keeps_the_log_from_being_cut_and_nothing_is_lost(database: Database) -> None:
    fill_and_empty(database, rows=100)
    with database.read() as session:
        session.execute(text("SELECT count(*) FROM flags")).all()
        database.write(lambda other: other.add(Flag(name="kept", value=1, changed_at=NOON)))

        space_of(database).empty_log()

    with database.read() as session:
        assert session.get_one(Flag, "kept").value == 1


def test_database_in_memory_has_nothing_to_give_back() -> None:
    database = Database("sqlite://", DatabaseSettings())
    space = space_of(database)

    space.give_back(pages=100)
    space.empty_log()

    assert not space.usage().shrinks


@needs_postgres
@pytest.mark.postgres
def test_postgresql_tells_its_size_and_looks_after_itself(postgres_database: Database) -> None:
    space = space_of(postgres_database)

    usage = space.usage()

    assert usage.size > 1_000_000
    assert (usage.free, usage.shrinks) == (None, False)
    space.give_back(pages=100)
