"""Before the schema of an SQLite database changes, it is copied; a migration that fails leaves it as it was."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from appliance.config.settings import DatabaseSettings
from appliance.db import migrations
from appliance.db.database_file import DatabaseFile
from appliance.db.engine import create_database_engine
from appliance.db.migrations import Copies, current_revision, migrate, safeguard
from appliance.db.migrations.safeguard import Safeguard
from appliance.db.models.box import PauseReason
from appliance.db.queries import box
from appliance.errors import SchemaMismatch, StartupError
from appliance.services.copy_pause import pause_copy

OLD, NEW = "0001_first_schema", "0002_second_schema"
HEAD = str(ScriptDirectory.from_config(migrations.configuration()).get_current_head())
OLDER = [one.revision for one in ScriptDirectory.from_config(migrations.configuration()).walk_revisions()][1:]


def no_pause(_session: Session) -> None:
    """For a database that knows no pause."""


def mark(session: Session) -> None:
    """Stands for the pause where there is only `letters`."""
    session.execute(text("INSERT INTO letters VALUES (99)"))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "postroom.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE letters (x); INSERT INTO letters VALUES (1);")
    return path


@pytest.fixture
def safe(database: Path, tmp_path: Path) -> Safeguard:
    return Safeguard(database, Copies(tmp_path / "backups", no_pause))


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    return Copies(tmp_path / "backups", pause_copy)


def of_schema(path: Path, revision: str) -> Engine:
    engine = create_database_engine(f"sqlite:///{path}", DatabaseSettings())
    with engine.begin() as connection:
        config = migrations.configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return engine


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Engine]:
    """A database with the first schema."""
    engine = of_schema(tmp_path / "old.db", OLD)
    yield engine
    engine.dispose()


def rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT x FROM letters")]


def commit(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statement)


def test_copy_from_before_is_kept(safe: Safeguard, database: Path, tmp_path: Path) -> None:
    with safe.around(OLD, NEW):
        commit(database, "INSERT INTO letters VALUES (2)")

    assert rows(tmp_path / "backups" / f"before-{NEW}.db") == [1]
    assert rows(database) == [1, 2]


def test_migration_that_commits_and_then_fails_is_undone(safe: Safeguard, database: Path, tmp_path: Path) -> None:
    def migration() -> None:
        with safe.around(OLD, NEW):
            commit(database, "DELETE FROM letters; CREATE TABLE half (y)")
            raise ValueError("it broke half-way")

    with pytest.raises(
        StartupError, match=r"from schema 0001_first_schema to 0002_second_schema: it broke half-way\. It is as it was"
    ):
        migration()

    assert rows(database) == [1]
    with pytest.raises(sqlite3.OperationalError, match="no such table: half"):
        commit(database, "SELECT y FROM half")


def test_migration_that_fails_before_it_commits_needs_no_undoing(
    safe: Safeguard, database: Path, tmp_path: Path
) -> None:
    before = database.read_bytes()

    def migration() -> None:
        with safe.around(OLD, NEW):
            raise ValueError("it broke at once")

    with pytest.raises(StartupError, match="it broke at once"):
        migration()

    assert database.read_bytes() == before


def test_nothing_is_changed_without_room(
    safe: Safeguard, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safeguard, "RESERVE", 2**60)

    def migration() -> None:
        with safe.around(OLD, NEW):
            commit(database, "DELETE FROM letters")

    with pytest.raises(StartupError, match=r"MiB are free\. Free some space and start again; nothing was changed"):
        migration()

    assert rows(database) == [1]
    assert not (tmp_path / "backups").exists()


def test_last_three_copies_are_kept(safe: Safeguard, database: Path, tmp_path: Path) -> None:
    for number in range(1, 6):
        with safe.around(OLD, f"000{number}"):
            pass
        os.utime(tmp_path / "backups" / f"before-000{number}.db", (number, number))

    assert sorted(path.name for path in (tmp_path / "backups").iterdir()) == [
        "before-0003.db",
        "before-0004.db",
        "before-0005.db",
    ]


def test_what_a_killed_process_left_does_not_matter(safe: Safeguard, database: Path, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / f".before-{NEW}.db.part").write_text("half")

    with safe.around(OLD, NEW):
        pass

    assert [path.name for path in (tmp_path / "backups").iterdir()] == [f"before-{NEW}.db"]


def test_older_schema_is_copied_and_brought_up_to_date(old: Engine, copies: Copies, tmp_path: Path) -> None:
    migrate(old, copies)

    [copy] = (tmp_path / "backups").iterdir()
    assert copy.name == f"before-{current_revision(old)}.db"
    assert DatabaseFile(copy).revision() == OLD


def test_migration_of_the_real_schema_that_fails_leaves_the_old_one(old: Engine, copies: Copies) -> None:
    with old.begin() as connection:
        connection.execute(text("CREATE TABLE events (in_the_way INTEGER)"))

    with pytest.raises(StartupError, match=r"from schema 0001_first_schema to .*already exists.* It is as it was"):
        migrate(old, copies)

    assert current_revision(old) == OLD


def test_new_database_and_one_that_is_up_to_date_are_not_copied(copies: Copies, tmp_path: Path) -> None:
    engine = create_database_engine(f"sqlite:///{tmp_path / 'new.db'}", DatabaseSettings())

    migrate(engine, copies)
    migrate(engine, copies)

    assert not (tmp_path / "backups").exists()
    engine.dispose()


@pytest.mark.parametrize("revision", OLDER)
def test_copy_of_every_older_schema_starts_paused_and_the_database_itself_does_not(
    tmp_path: Path, copies: Copies, revision: str
) -> None:
    engine = of_schema(tmp_path / "postroom.db", revision)

    migrate(engine, copies)

    copy = copies.directory / f"before-{HEAD}.db"
    assert DatabaseFile(copy).revision() == revision
    pause = paused(copy)
    assert pause is not None
    assert (pause.reason, pause.backup_at) == (PauseReason.RESTORED, pause.since)
    assert paused(tmp_path / "postroom.db") is None
    engine.dispose()


def test_migration_that_fails_brings_back_the_database_without_a_pause(database: Path, tmp_path: Path) -> None:
    safe = Safeguard(database, Copies(tmp_path / "backups", mark))

    def migration() -> None:
        with safe.around(OLD, NEW):
            commit(database, "DELETE FROM letters")
            raise ValueError("it broke half-way")

    with pytest.raises(SchemaMismatch):
        migration()

    assert rows(database) == [1]
    assert list((tmp_path / "backups").iterdir()) == []  # it would be a copy of what is there


def test_copy_has_its_name_only_once_it_is_paused(database: Path, tmp_path: Path) -> None:
    safe, copy = Safeguard(database, Copies(tmp_path / "backups", mark)), tmp_path / "backups" / f"before-{NEW}.db"

    with safe.around(OLD, NEW):
        assert not copy.exists()

    assert rows(copy) == [1, 99]
    assert rows(database) == [1]


def test_copy_of_a_process_that_died_after_the_migration_is_paused_at_the_next_start(
    old: Engine, copies: Copies
) -> None:
    class Killed(BaseException):
        """As little is done after it as after a kill."""

    def die(_session: Session) -> None:
        raise Killed

    with pytest.raises(Killed):
        migrate(old, Copies(copies.directory, die))
    assert current_revision(old) == HEAD
    assert not list(copies.directory.glob("before-*.db"))

    migrate(old, copies)

    [copy] = copies.directory.iterdir()
    assert (copy.name, DatabaseFile(copy).revision()) == (f"before-{HEAD}.db", OLD)
    assert paused(copy) is not None


def test_copy_that_cannot_be_paused_does_not_keep_the_new_version_from_starting(database: Path, tmp_path: Path) -> None:
    def full(_session: Session) -> None:
        raise OSError("no space left")

    with Safeguard(database, Copies(tmp_path / "backups", full)).around(OLD, NEW):
        commit(database, "INSERT INTO letters VALUES (2)")

    assert rows(database) == [1, 2]
    assert not list((tmp_path / "backups").glob("before-*.db"))


def paused(path: Path) -> box.Pause | None:
    engine = create_database_engine(f"sqlite:///{path}", DatabaseSettings())
    with Session(engine) as session:
        found = box.pause(session)
    engine.dispose()
    return found


def test_copy_of_an_undo_that_failed_is_named_and_kept(
    safe: Safeguard, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_file: DatabaseFile, _copy: Path) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def migration() -> None:
        with safe.around(OLD, NEW):
            commit(database, "DELETE FROM letters")
            raise ValueError("it broke half-way")

    with monkeypatch.context() as full:
        full.setattr(DatabaseFile, "overwrite_with", no_room)
        with pytest.raises(StartupError, match=r"could not be put back .*disk is full.* in /.*before-0002_second"):
            migration()
    with pytest.raises(SchemaMismatch):
        migration()

    [kept] = (tmp_path / "backups").iterdir()
    assert (kept.name, rows(kept)) == ("unfinished-0002_second_schema.db", [1])


def full_disk() -> Exception:
    """As SQLite says it, a limit of its own standing for the disk."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        try:
            connection.executescript("CREATE TABLE a (x); CREATE TABLE b (x);")
        except sqlite3.Error as error:
            return OperationalError("CREATE TABLE", {}, error)
    raise AssertionError


@pytest.mark.parametrize("passing", [OSError(28, "No space left on device"), full_disk()], ids=["file", "database"])
def test_what_may_be_better_at_the_next_start_is_none(safe: Safeguard, database: Path, passing: Exception) -> None:
    def migration() -> None:
        with safe.around(OLD, NEW):
            raise passing

    with pytest.raises(StartupError, match="the next start tries again") as caught:
        migration()

    assert not isinstance(caught.value, SchemaMismatch)
    assert rows(database) == [1]
