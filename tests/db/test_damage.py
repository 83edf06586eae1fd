"""A file that is no longer what SQLite wrote: it is said, nothing more is accepted, and no error is a mystery."""

from collections.abc import Callable
from pathlib import Path

import pytest
from gevent.threadpool import ThreadPool
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.clock import utc_now
from appliance.config.settings import DatabaseSettings
from appliance.db.database import Database
from appliance.errors import StorageDamaged
from appliance.services.storage import Storage
from tests.db.writes import names, put

PAGE = 4096


def filled(file: Path, native: ThreadPool) -> None:
    database = Database(f"sqlite:///{file}", DatabaseSettings(), native.apply)
    database.start()
    database.write(lambda session: [put(f"flag {number:04d}")(session) for number in range(500)] and None)
    database.stop()


@pytest.fixture
def damaged(database_file: Path, native: ThreadPool) -> Database:
    """All but the first pages are noise: the schema can still be read."""
    filled(database_file, native)
    content = bytearray(database_file.read_bytes())
    for start in range(PAGE * 40, len(content), PAGE):
        content[start : start + PAGE] = b"\xde\xad\xbe\xef" * (PAGE // 4)
    database_file.write_bytes(content)
    database = Database(f"sqlite:///{database_file}", DatabaseSettings(), native.apply)
    database.start()
    return database


@pytest.mark.parametrize("ask", [Database.read, Database.read_in_time])
def test_reading_a_damaged_page_is_told_as_such(damaged: Database, ask: Callable[..., object]) -> None:
    with (
        pytest.raises(StorageDamaged, match=r"damaged: .*malformed.*restore"),
        ask(damaged) as session,  # type: ignore[attr-defined]
    ):
        session.execute(text("SELECT name, changed_at FROM flags")).all()

    assert "damaged" in Storage(damaged, clock=utc_now).trouble()
    assert Storage(damaged, clock=utc_now).is_damaged()
    damaged.stop()


def test_once_damage_was_seen_nothing_is_written_any_more(damaged: Database) -> None:
    def change_all(session: Session) -> None:
        session.execute(text("UPDATE flags SET value = 2"))

    with pytest.raises(StorageDamaged):
        damaged.write(change_all)
    with pytest.raises(StorageDamaged, match="nothing more is accepted"):
        damaged.write(lambda session: session.execute(text("CREATE TABLE elsewhere (x)")) and None)

    damaged.stop()


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path, native: ThreadPool) -> None:
    file = tmp_path / "noise.db"
    file.write_bytes(b"this is not what SQLite writes\n" * 1000)
    database = Database(f"sqlite:///{file}", DatabaseSettings(), native.apply)
    database.start()

    with pytest.raises(StorageDamaged, match="not a database"):
        database.write(put("a"))

    database.stop()


def test_what_breaks_a_rule_is_no_damage(database: Database) -> None:
    database.write(put("a"))

    with pytest.raises(IntegrityError):
        database.write(put("a"))

    assert database.damage == ""
    assert names(database) == ["a"]
