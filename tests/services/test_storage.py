"""Trouble with the disk is remembered, and found to be over without anybody posting a message."""

import pytest
from sqlalchemy import text

from appliance.db.database import Database
from appliance.errors import StorageUnavailable
from appliance.services.storage import Storage
from tests.fakes import FakeClock


def fill(database: Database) -> None:
    """As a disk that is full: the database may not grow by a page."""
    database.write(lambda session: session.execute(text("PRAGMA max_page_count = 1")) and None)


def grow(database: Database) -> None:
    database.write(lambda session: session.execute(text("PRAGMA max_page_count = 1000000")) and None)


def write_much(database: Database) -> None:
    database.write(
        lambda session: (
            session.execute(
                text("INSERT INTO flags (name, value, changed_at) VALUES ('big', :value, '2026-01-01')"),
                {"value": "x" * 10**6},
            )
            and None
        )
    )


def test_there_is_no_trouble_while_writes_are_kept(database: Database, clock: FakeClock) -> None:
    assert Storage(database, clock=clock).trouble() == ""


def test_a_write_that_is_not_kept_is_trouble_until_a_look_finds_it_over(database: Database, clock: FakeClock) -> None:
    storage = Storage(database, clock=clock)
    fill(database)
    with pytest.raises(StorageUnavailable):
        write_much(database)
    assert "full" in storage.trouble()
    assert not storage.is_damaged()

    grow(database)
    storage.look_again()

    assert storage.trouble() == ""


def test_looking_again_while_it_lasts_is_quiet(database: Database, clock: FakeClock) -> None:
    storage = Storage(database, clock=clock)
    database.writer.trouble = "The disk is full."
    database.stop()

    storage.look_again()

    assert storage.trouble() == "The disk is full."
