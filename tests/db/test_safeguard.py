"""Before the schema of an SQLite database changes, it is copied; a migration that fails leaves it as it was."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text

from appliance.config.settings import DatabaseSettings
from appliance.db import migrations
from appliance.db.database_file import DatabaseFile
from appliance.db.engine import create_database_engine
from appliance.db.migrations import current_revision, migrate, safeguard
from appliance.db.migrations.safeguard import Safeguard
from appliance.errors import StartupError

OLD, NEW = "0001_first_schema", "0002_second_schema"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "postroom.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE letters (x); INSERT INTO letters VALUES (1);")
    return path


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Engine]:
    """A database with the first schema."""
    engine = create_database_engine(f"sqlite:///{tmp_path / 'old.db'}", DatabaseSettings())
    with engine.begin() as connection:
        config = migrations.configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, OLD)
    yield engine
    engine.dispose()


def rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT x FROM letters")]


def commit(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statement)


def test_copy_from_before_is_kept(database: Path, tmp_path: Path) -> None:
    with Safeguard(database, tmp_path / "backups").around(OLD, NEW):
        commit(database, "INSERT INTO letters VALUES (2)")

    assert rows(tmp_path / "backups" / f"before-{NEW}.db") == [1]
    assert rows(database) == [1, 2]


def test_migration_that_commits_and_then_fails_is_undone(database: Path, tmp_path: Path) -> None:
    def migration() -> None:
        with Safeguard(database, tmp_path / "backups").around(OLD, NEW):
            commit(database, "DELETE FROM letters; CREATE TABLE half (y)")
            raise ValueError("it broke half-way")

    with pytest.raises(
        StartupError, match=r"from schema 0001_first_schema to 0002_second_schema: it broke half-way\. It is as it was"
    ):
        migration()

    assert rows(database) == [1]
    with pytest.raises(sqlite3.OperationalError, match="no such table: half"):
        commit(database, "SELECT y FROM half")


def test_migration_that_fails_before_it_commits_needs_no_undoing(database: Path, tmp_path: Path) -> None:
    before = database.read_bytes()

    def migration() -> None:
        with Safeguard(database, tmp_path / "backups").around(OLD, NEW):
            raise ValueError("it broke at once")

    with pytest.raises(StartupError, match="it broke at once"):
        migration()

    assert database.read_bytes() == before


def test_nothing_is_changed_without_room(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safeguard, "RESERVE", 2**60)

    def migration() -> None:
        with Safeguard(database, tmp_path / "backups").around(OLD, NEW):
            commit(database, "DELETE FROM letters")

    with pytest.raises(StartupError, match=r"MiB are free\. Free some space and start again; nothing was changed"):
        migration()

    assert rows(database) == [1]
    assert not (tmp_path / "backups").exists()


def test_last_three_copies_are_kept(database: Path, tmp_path: Path) -> None:
    for number in range(1, 6):
        with Safeguard(database, tmp_path / "backups").around(OLD, f"000{number}"):
            pass
        os.utime(tmp_path / "backups" / f"before-000{number}.db", (number, number))

    assert sorted(path.name for path in (tmp_path / "backups").iterdir()) == [
        "before-0003.db",
        "before-0004.db",
        "before-0005.db",
    ]


def test_what_a_killed_process_left_does_not_matter(database: Path, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / f".before-{NEW}.db.part").write_text("half")

    with Safeguard(database, tmp_path / "backups").around(OLD, NEW):
        pass

    assert [path.name for path in (tmp_path / "backups").iterdir()] == [f"before-{NEW}.db"]


def test_older_schema_is_copied_and_brought_up_to_date(old: Engine, tmp_path: Path) -> None:
    migrate(old, tmp_path / "backups")

    [copy] = (tmp_path / "backups").iterdir()
    assert copy.name == f"before-{current_revision(old)}.db"
    assert DatabaseFile(copy).revision() == OLD


def test_migration_of_the_real_schema_that_fails_leaves_the_old_one(old: Engine, tmp_path: Path) -> None:
    with old.begin() as connection:
        connection.execute(text("CREATE TABLE events (in_the_way INTEGER)"))

    with pytest.raises(StartupError, match=r"from schema 0001_first_schema to .*already exists.* It is as it was"):
        migrate(old, tmp_path / "backups")

    assert current_revision(old) == OLD


def test_new_database_and_one_that_is_up_to_date_are_not_copied(tmp_path: Path) -> None:
    engine = create_database_engine(f"sqlite:///{tmp_path / 'new.db'}", DatabaseSettings())

    migrate(engine, tmp_path / "backups")
    migrate(engine, tmp_path / "backups")

    assert not (tmp_path / "backups").exists()
    engine.dispose()
