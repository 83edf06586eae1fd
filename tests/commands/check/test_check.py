"""The whole report, as `python run.py check` prints it."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.config.data_dir import DataDirectory
from appliance.config.settings import DatabaseSettings
from appliance.db.engine import create_database_engine
from appliance.db.migrations import migrate
from appliance.main import main

Report = Callable[..., tuple[int, list[str]]]
POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Report:
    """Runs the command with the configuration given; returns the exit code and the lines."""

    def run(text: str = "", **environ: str) -> tuple[int, list[str]]:
        config_file = tmp_path / "config.ini"
        config_file.write_text(text or "[web]\nport = 0\n[flower]\nport = 0\n")
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        code = main(["check", "--config", str(config_file)])
        return code, capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    directory = DataDirectory(tmp_path / "var")
    directory.prepare()
    yield directory
    directory.unlock()


def line_of(lines: list[str], start: str) -> str:
    return next(line for line in lines if line.startswith(start))


def test_fresh_machine_has_no_problem_and_is_left_untouched(report: Report, tmp_path: Path) -> None:
    code, lines = report()

    assert code == 0
    assert not [line for line in lines if line.startswith("problem")]
    assert [path.name for path in tmp_path.iterdir()] == ["config.ini"]


def test_every_problem_is_in_one_report(report: Report) -> None:
    code, lines = report(
        "[web]\nport = x\nhots = a\n[database]\nurl = mysql+nothing://x\n[broker]\nurl = carrier://pigeon\n"
        "[appliance]\npublic_url = mail.example.com\n"
    )

    problems = [line.split(":")[0] for line in lines if line.startswith("problem")]
    assert code == 1
    assert problems == [
        "problem  configuration",
        "problem  configuration",
        "problem  database",
        "problem  broker",
        "problem  public URL",
    ]
    assert all(" -> " in line for line in lines if not line.startswith("ok"))


def test_passwords_are_masked(report: Report, closed_port: int) -> None:
    _, lines = report(
        DATABASE_URL=f"postgresql+psycopg://user:hunter2@127.0.0.1:{closed_port}/x",
        BROKER_URL=f"amqp://user:hunter2@127.0.0.1:{closed_port}//",
    )

    assert line_of(lines, "problem  database: does not answer")
    assert line_of(lines, "problem  broker: amqp://user:**@127.0.0.1")
    assert not [line for line in lines if "hunter2" in line]


def test_file_with_a_secret_that_others_can_read_is_a_warning(report: Report) -> None:
    code, lines = report("[flower]\nport = 0\npassword = x\n[web]\nport = 0\n")

    assert code == 0
    assert "[flower] password" in line_of(lines, "warning  configuration")


def test_port_that_another_program_has_is_a_problem(report: Report) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code, lines = report(f"[web]\nport = {port}\n[flower]\nport = 0\n")

    assert code == 1
    assert f"127.0.0.1:{port} is taken by another program" in line_of(lines, "problem  web port")


def test_port_of_the_running_appliance_is_fine(report: Report, directory: DataDirectory) -> None:
    directory.lock()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        directory.write_run_file({"web_port": port, "flower_port": 1})
        code, lines = report(f"[web]\nport = {port}\n[flower]\nport = 0\n")

    assert code == 0
    assert f"used by the running appliance (process {os.getpid()})" in line_of(lines, "ok       web port")


def test_address_that_is_not_of_this_machine_is_a_problem(report: Report) -> None:
    _, lines = report("[web]\nhost = 192.0.2.1\nport = 8080\n[flower]\nenabled = no\n")

    assert "set [web] host" in line_of(lines, "problem  web port")
    assert not [line for line in lines if "flower port" in line]


def test_secret_that_others_can_read_is_a_problem(report: Report, directory: DataDirectory) -> None:
    directory.secret("session_key")
    (directory.secrets / "session_key").chmod(0o644)

    code, lines = report()

    assert code == 1
    assert f"chmod 600 {directory.secrets / 'session_key'}" in line_of(lines, "problem  secrets")


def test_file_instead_of_the_data_directory_is_a_problem(report: Report, tmp_path: Path) -> None:
    (tmp_path / "var").touch()

    _, lines = report()

    assert "is a file" in line_of(lines, "problem  data directory")


def test_migrated_database_is_sound(report: Report, directory: DataDirectory) -> None:
    engine = create_database_engine(f"sqlite:///{directory.database}", DatabaseSettings())
    migrate(engine)
    engine.dispose()

    code, lines = report()

    assert code == 0
    assert [line for line in lines if line.startswith("ok       database: answers; schema")]
    assert line_of(lines, "ok       database: 0.") or line_of(lines, "ok       database: 1.")


def test_database_of_a_newer_version_is_a_problem(report: Report, directory: DataDirectory) -> None:
    engine = create_database_engine(f"sqlite:///{directory.database}", DatabaseSettings())
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999_future'")
    engine.dispose()

    _, lines = report()

    assert "9999_future was made by a newer version" in line_of(lines, "problem  database")


def test_damaged_database_is_a_problem(report: Report, directory: DataDirectory) -> None:
    directory.database.write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)

    code, lines = report()

    assert code == 1
    assert "restore a backup" in line_of(lines, "problem  database")


def test_database_in_memory_is_a_warning(report: Report) -> None:
    _, lines = report(DATABASE_URL="sqlite://")

    assert line_of(lines, "ok       database").endswith("through StaticPool")
    assert "every message is lost" in line_of(lines, "warning  database")


@pytest.mark.postgres
def test_postgresql_answers_with_the_options_of_its_pool(report: Report) -> None:
    _, lines = report(DATABASE_URL=POSTGRES_URL)
    if any("does not answer" in line for line in lines):
        pytest.skip("no PostgreSQL answers")

    assert "QueuePool (pool_pre_ping=True, pool_size=10" in line_of(lines, "ok       database")
    assert line_of(lines, "ok       database: answers")


@pytest.mark.rabbitmq
def test_rabbitmq_answers(report: Report) -> None:
    _, lines = report(BROKER_URL="amqp://guest:guest@127.0.0.1:5672//")
    if any("does not answer" in line for line in lines):
        pytest.skip("no RabbitMQ answers")

    assert line_of(lines, "ok       broker") == "ok       broker: amqp://guest:**@127.0.0.1:5672// answers"


@pytest.mark.redis
def test_redis_answers(report: Report) -> None:
    _, lines = report(BROKER_URL="redis://127.0.0.1:6379/0")
    if any("does not answer" in line for line in lines):
        pytest.skip("no Redis answers")

    assert line_of(lines, "ok       broker") == "ok       broker: redis://127.0.0.1:6379/0 answers"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://mail.example.com/path", "problem"),
        ("ftp://mail.example.com", "problem"),
        ("https://mail.example.com:port", "problem"),
        ("http://mail.example.com", "warning"),
        ("https://mail.example.com", "warning"),
        ("http://localhost:8080", "ok"),
    ],
)
def test_public_url_is_judged(report: Report, url: str, expected: str) -> None:
    _, lines = report(APPLIANCE_PUBLIC_URL=url)

    assert [line.split()[0] for line in lines if " public URL: " in line] == [expected]


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_misspelt_variable_is_a_warning_with_the_right_one(report: Report) -> None:
    code, lines = report(WEB_PROT="8081", LOG_LEVLE="debug", FLOWER_PASSWORD_FIEL="x")

    warned = "\n".join(line for line in lines if line.startswith("warning  configuration"))
    assert code == 0
    assert "WEB_PROT; did you mean WEB_PORT?" in warned
    assert "LOG_LEVLE; did you mean LOG_LEVEL?" in warned
    assert "FLOWER_PASSWORD_FIEL; did you mean FLOWER_PASSWORD_FILE?" in warned


def test_variables_of_other_programs_are_no_warning(report: Report) -> None:
    _, lines = report(
        WEB_CONCURRENCY="4",
        DATABASE_HOST="db",
        DATABASE_USER="me",
        LOG_COLOR="1",
        BROKER="x",
        BACKUP_OF="y",
        web_prot="1",
    )

    assert not [line for line in lines if "did you mean" in line]


def test_backups_that_cannot_be_written_are_a_problem(report: Report, tmp_path: Path) -> None:
    in_the_way = tmp_path / "backups"
    in_the_way.write_text("a file")

    code, lines = report(BACKUP_DIRECTORY=str(in_the_way / "nightly"))

    assert code == 1
    assert f"{in_the_way} is a file -> move it" in line_of(lines, "problem  backups")


def test_directory_of_backups_that_is_there_is_written_to(report: Report, tmp_path: Path) -> None:
    directory = tmp_path / "backups"
    directory.mkdir()

    _, lines = report(BACKUP_DIRECTORY=str(directory))

    assert line_of(lines, "ok       backups").endswith(f"they go to {directory}")
    assert list(directory.iterdir()) == []


def test_directory_of_backups_that_is_read_only_is_a_problem(report: Report) -> None:
    code, lines = report(BACKUP_DIRECTORY="/proc")

    assert code == 1
    assert "no backup can be written to /proc" in line_of(lines, "problem  backups")
