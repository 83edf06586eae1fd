"""The real process comes to a database of another schema: brings it up to date, or says why not and stays away."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from alembic import command

from appliance.config.settings import DatabaseSettings
from appliance.db.engine import create_database_engine
from appliance.db.migrations import configuration
from tests.functional.conftest import MakeAppliance
from tests.functional.mail import message, wait_for_status
from tests.functional.processes import Appliance

BEFORE_RETRIES = "0012_audit_names"
COPY = "backups/before-0013_retries.db"


@pytest.fixture
def of_before(make_appliance: MakeAppliance) -> Appliance:
    """As an earlier version left it, with a message that waits."""
    appliance: Appliance = make_appliance()
    appliance.data_dir.mkdir(mode=0o700)
    engine = create_database_engine(f"sqlite:///{appliance.data_dir / 'postroom.db'}", DatabaseSettings())
    with engine.begin() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE_RETRIES)
    engine.dispose()
    change(
        appliance,
        "INSERT INTO messages (id, status, priority, subject, sender_name, reply_to, headers, tags, metadata, "
        "rfc_message_id, request_id, size, created_at, due_at, attempts, reason, detail, claim_day, begun) "
        f"VALUES ('msg_1', 'queued', 1, 'Hello', '', '[]', '{{}}', '[]', '{{}}', '<1@example.com>', '', 5, "
        f"'{now()}', '{now()}', 0, '', '', '', 0)",
        "INSERT INTO message_bodies (message_id, text, html) VALUES ('msg_1', 'Hello', '')",
        "INSERT INTO recipients (message_id, kind, email, name, status, reply_text) "
        "VALUES ('msg_1', 'to', 'ann@example.com', '', 'pending', '')",
    )
    return appliance


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"


def change(appliance: Appliance, *statements: str) -> None:
    with closing(sqlite3.connect(appliance.data_dir / "postroom.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def go_back(appliance: Appliance) -> None:
    """As docs/backup.md says."""
    for name in ("postroom.db-wal", "postroom.db-shm"):
        (appliance.data_dir / name).unlink(missing_ok=True)
    shutil.copy(appliance.data_dir / COPY, appliance.data_dir / "postroom.db")


def test_who_goes_back_to_the_version_before_sends_nothing_twice(of_before: Appliance) -> None:
    of_before.start()
    wait_for_status(of_before, "msg_1", "sent")
    assert of_before.stop() == 0

    go_back(of_before)
    of_before.start()

    _, box = of_before.request("GET", "/api/v1/box", of_before.local_token())
    assert (box["paused"], box["reason"], box["waiting"]["total"]) == (True, "restored", 1)
    assert message(of_before, "msg_1")["status"] == "queued"
    assert any("the copy from before is kept, and starts paused" in line for line in of_before.log_lines())


def test_migration_that_fails_ends_it_for_good_and_leaves_no_copy(of_before: Appliance) -> None:
    change(of_before, "CREATE TABLE message_deeds (in_the_way INTEGER)")

    of_before.launch()

    assert of_before.wait() == os.EX_CONFIG
    assert "It is as it was before" in of_before.log.read_text()
    assert list((of_before.data_dir / "backups").iterdir()) == []
    with closing(sqlite3.connect(of_before.data_dir / "postroom.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (BEFORE_RETRIES,)
        assert connection.execute("SELECT * FROM flags WHERE name = 'sending_paused'").fetchall() == []


def test_schema_of_a_newer_version_ends_it_for_good(of_before: Appliance) -> None:
    change(of_before, "UPDATE alembic_version SET version_num = '9999_from_the_future'")

    of_before.launch()

    assert of_before.wait() == os.EX_CONFIG
    assert "newer version (9999_from_the_future)" in of_before.log.read_text()
    assert of_before.command("check", check=False).returncode == 1
