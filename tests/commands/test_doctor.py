import os
import re
import shutil
import stat
from pathlib import Path

import pytest

from appliance.db.database import Database
from appliance.main import main
from tests.factories import add_message
from tests.services_up import needs_postgres


@pytest.fixture
def box(tmp_path: Path, migrated_file: Path) -> Path:
    """A data directory, a configuration with secrets, and a log that others have put an address into."""
    data_dir = tmp_path / "var"
    (data_dir / "secrets").mkdir(parents=True)
    (data_dir / "secrets" / "local_token").write_text("token-in-a-file\n")
    shutil.copy(migrated_file, data_dir / "postroom.db")
    (data_dir / "postroom.log").write_text(
        "old line\nrefused bobby.tables@example.com with token-in-a-file\nat /setup?token=one-time\n"
    )
    (tmp_path / "config.ini").write_text(
        "[web]\nport = 0\n[flower]\nport = 0\npassword = hunter2-hunter2\n"
        "[alerts]\nemail = alice.liddell@example.com\nurls = json://user:s3cret-part@example.com/token-of-apprise\n"
    )
    return tmp_path


@pytest.fixture
def report(box: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["doctor", "--config", str(box / "config.ini"), "-"]) == 0
    return capsys.readouterr().out


def test_report_has_every_part(report: str) -> None:
    parts = ("Versions", "Configuration", "Findings of check", "Running appliance", "Database", "Disk", "Log")
    assert [part for part in parts if f"\n{part}\n{'=' * len(part)}\n" not in report] == []
    assert "postroom 0." in report
    assert "celery 5." in report
    assert "No appliance runs with the data directory" in report
    assert "quick_check: ok" in report
    assert "cannot be told" not in report


def test_configuration_tells_values_and_where_they_came_from(report: str) -> None:
    assert "port = 0  (config.ini, line 2)" in report
    assert "messages_per_connection = 100  (default)" in report


def test_no_secret_and_no_whole_address_is_in_it(report: str) -> None:
    assert "password = set  (config.ini, line 5)" in report
    for secret in (
        "hunter2-hunter2",
        "token-in-a-file",
        "s3cret-part",
        "token-of-apprise",
        "bobby.tables",
        "liddell",
        "one-time",
    ):
        assert secret not in report
    assert "refused b***@example.com with [redacted]" in report


def test_addresses_that_are_no_secrets_are_told_without_their_password(
    box: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BROKER_URL", "redis://:s3cret-of-redis@127.0.0.1:1/0")

    main(["doctor", "--config", str(box / "config.ini"), "-"])

    told = capsys.readouterr().out
    assert "redis://:***@127.0.0.1:1" in told or "redis://:**@127.0.0.1:1" in told
    assert "s3cret-of-redis" not in told


def test_file_is_for_its_owner_alone_and_never_replaces_another(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["doctor", "--config", str(box / "config.ini"), str(box / "report.txt")]

    assert main(command) == 0
    assert stat.S_IMODE((box / "report.txt").stat().st_mode) == 0o600
    assert str(box / "report.txt") in capsys.readouterr().out
    before = (box / "report.txt").read_text()
    assert main(command) == 1
    assert "exists already and is left as it is" in capsys.readouterr().err
    assert (box / "report.txt").read_text() == before


def test_report_has_a_name_of_its_own_where_none_is_given(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(box)

    assert main(["doctor", "--config", str(box / "config.ini")]) == 0

    assert [path.stat().st_mode & 0o777 for path in box.glob("postroom-report-*.txt")] == [0o600]


def test_wrong_configuration_is_reported_and_no_obstacle(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (box / "config.ini").open("a") as file:
        file.write("[wroker]\nconcurrency = 4\n")

    assert main(["doctor", "--config", str(box / "config.ini"), "-"]) == 0

    assert "[wroker]: unknown section" in capsys.readouterr().out


def test_damaged_database_is_reported_and_no_obstacle(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (box / "var" / "postroom.db").write_bytes(b"rubbish" * 1000)

    assert main(["doctor", "--config", str(box / "config.ini"), "-"]) == 0

    told = capsys.readouterr().out
    assert "file is not a database" in told
    assert "\nLog\n" in told


def test_nothing_is_made_where_nothing_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.ini").touch()

    assert main(["doctor", "--config", str(tmp_path / "config.ini"), "-"]) == 0

    assert "is not there yet" in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["config.ini"]


@needs_postgres
def test_database_on_a_server_is_told_of_too(
    box: Path, postgres_database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    postgres_database.write(lambda session: add_message(session, "bobby.tables@example.com"))
    monkeypatch.setenv("DATABASE_URL", postgres_database.url)

    main(["doctor", "--config", str(box / "config.ini"), "-"])

    told = capsys.readouterr().out.partition("\nDatabase\n")[2]
    assert re.search(r"server: \d+\.\d+\nsize: [\d.]+ MB\nschema: \d{4}_\w+\nmessages: {\"queued\": 1}\n", told), told
