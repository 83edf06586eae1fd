"""Backups and the pause, as they are wired into the appliance."""

from pathlib import Path

import pytest
from alembic import command
from pydantic import SecretStr
from structlog.testing import capture_logs

from appliance.bootstrap import build_core, open_database, prepared_data_directory
from appliance.bootstrap.backups import build_backup_maker, build_restore
from appliance.bootstrap.pause import tell_of_pause
from appliance.config.data_dir import DataDirectory
from appliance.config.settings import BackupSettings, DatabaseSettings, Settings
from appliance.db import migrations
from appliance.db.database_file import DatabaseFile
from appliance.db.engine import create_database_engine
from appliance.db.models import Flag
from appliance.db.models.box import SENDING_PAUSED
from appliance.errors import StartupError
from tests.built_appliance import built
from tests.fakes import NOON

IN_MEMORY = DatabaseSettings(url=SecretStr("sqlite://"))
OLD = "0001_first_schema"


def test_start_with_an_older_schema_keeps_a_copy_of_the_database(settings: Settings) -> None:
    prepared_data_directory(settings)
    engine = create_database_engine(settings.database_url, settings.database)
    with engine.begin() as connection:
        config = migrations.configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, OLD)
    engine.dispose()

    open_database(settings).stop()

    [copy] = (settings.data_dir / "backups").glob("before-*.db")
    assert DatabaseFile(copy).revision() == OLD
    assert copy.name == f"before-{DatabaseFile(settings.data_dir / 'postroom.db').revision()}.db"


def test_backups_lie_in_the_data_directory_or_where_the_configuration_says(settings: Settings, tmp_path: Path) -> None:
    elsewhere = settings.model_copy(update={"backup": BackupSettings(directory=tmp_path / "elsewhere")})

    assert settings.backup_dir == settings.data_dir / "backups"
    assert elsewhere.backup_dir == tmp_path / "elsewhere"


def test_database_in_memory_cannot_be_backed_up_or_restored(settings: Settings) -> None:
    changed = settings.model_copy(update={"database": IN_MEMORY})

    for build in (build_backup_maker, build_restore):
        with pytest.raises(StartupError, match=r"in memory.*Unset \[database\] url"):
            build(changed, DataDirectory(settings.data_dir))


def test_nothing_is_backed_up_where_there_is_no_database(settings: Settings) -> None:
    with pytest.raises(StartupError, match="There is nothing to back up"):
        build_backup_maker(settings, prepared_data_directory(settings))


def test_backup_of_the_schedule_is_made_by_the_running_parts(settings: Settings) -> None:
    data_dir = prepared_data_directory(settings)
    database = open_database(settings)
    core = build_core(settings, data_dir, database)

    made = core.services.periodic.run("backup")

    assert (settings.backup_dir / made["name"]).stat().st_size == made["size"]
    database.stop()


def test_log_of_a_paused_box_lists_what_it_would_send(settings: Settings) -> None:
    with built(settings) as parts:
        value = {"reason": "restored", "backup_at": NOON.isoformat()}
        parts.core.database.write(lambda session: Flag.put(session, SENDING_PAUSED, value, now=NOON))

        with capture_logs() as lines:
            tell_of_pause(parts.core.services.box)

    [line] = [line for line in lines if line["log_level"] == "warning"]
    assert "restored from a backup" in line["event"]
    assert (line["waiting"], line["oldest"]) == (0, None)


def test_log_of_a_box_that_sends_says_nothing_of_it(settings: Settings) -> None:
    with built(settings) as parts, capture_logs() as lines:
        tell_of_pause(parts.core.services.box)

    assert lines == []


def test_paused_box_hands_no_webhook_over(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with built(settings) as parts:
        asked: list[str] = []
        monkeypatch.setattr(parts.core.webhooks.queue, "turn", lambda _enqueue: bool(asked.append("turn")))
        parts.core.services.box.pause("")

        paused = parts.appliance._hand_over_webhooks()
        parts.core.services.box.resume()
        parts.appliance._hand_over_webhooks()

    assert (paused, asked) == (False, ["turn"])
