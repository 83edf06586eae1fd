import argparse
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.commands import compact
from appliance.commands.compact import CannotCompact
from appliance.config.data_dir import DataDirectory
from appliance.config.loader import Loaded
from appliance.config.settings import ApplianceSettings, DatabaseSettings, Settings
from appliance.db.engine import create_database_engine
from appliance.db.migrations import migrate
from appliance.errors import StartupError
from tests.services_up import needs_postgres


@pytest.fixture
def file(settings: Settings) -> Path:
    """A database as earlier versions made it, full of free room."""
    settings.data_dir.mkdir(parents=True)
    path = settings.data_dir / "postroom.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE made_without_shrinking (x)")
    engine = create_database_engine(f"sqlite:///{path}", DatabaseSettings())
    migrate(engine)
    engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.executemany("INSERT INTO made_without_shrinking VALUES (?)", [("x" * 4000,) for _ in range(2000)])
        connection.execute("DELETE FROM made_without_shrinking")
    return path


@pytest.fixture
def run(settings: Settings) -> Callable[[], int]:
    return lambda: compact.run(argparse.Namespace(), Loaded(settings, {}, None))


def mode_of(file: Path) -> int:
    with sqlite3.connect(file) as connection:
        return int(connection.execute("PRAGMA auto_vacuum").fetchone()[0])


def test_file_is_smaller_afterwards_and_can_shrink(
    run: Callable[[], int], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = file.stat().st_size
    assert mode_of(file) == 0

    assert run() == 0

    assert file.stat().st_size < before / 4
    assert mode_of(file) == 2
    assert "The database had 8 MiB and has 0 MiB now." in capsys.readouterr().err


def test_it_refuses_while_the_appliance_runs(run: Callable[[], int], file: Path) -> None:
    running = DataDirectory(file.parent)
    running.lock()
    try:
        with pytest.raises(StartupError):
            run()
    finally:
        running.unlock()

    assert mode_of(file) == 0


def test_it_refuses_without_room_for_a_second_copy(
    run: Callable[[], int], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=100))

    with pytest.raises(CannotCompact, match="Make room and try again"):
        run()

    assert mode_of(file) == 0


@needs_postgres
@pytest.mark.postgres
def test_database_server_is_left_alone(tmp_path: Path, postgres_url: str) -> None:
    settings = Settings(
        base_dir=tmp_path,
        appliance=ApplianceSettings(data_dir=tmp_path / "var"),
        database=DatabaseSettings(url=postgres_url),
    )

    with pytest.raises(CannotCompact, match="Only an SQLite file"):
        compact.run(argparse.Namespace(), Loaded(settings, {}, None))
