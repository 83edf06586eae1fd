import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from appliance.config import logs
from appliance.config.log_file import MEGABYTE
from appliance.config.log_settings import LogSettings
from tests.logging_state import logging_kept


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    with logging_kept():
        yield


@pytest.fixture
def log(tmp_path: Path) -> structlog.stdlib.BoundLogger:
    with open(tmp_path / "stderr", "w", encoding="utf-8") as stream:
        logs.configure(LogSettings(), stream)
    logs.keep_file(LogSettings(), tmp_path)
    logger: structlog.stdlib.BoundLogger = structlog.get_logger("a")
    return logger


def test_file_gets_what_is_important_masked_and_only_its_owner_reads_it(
    tmp_path: Path, log: structlog.stdlib.BoundLogger
) -> None:
    log.info("message sent")
    log.warning("refused", recipient="user@example.com")

    file = tmp_path / "postroom.log"
    [written] = file.read_text(encoding="utf-8").splitlines()
    assert "refused" in written
    assert "u***@example.com" in written
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_file_that_grew_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    settings = LogSettings(file_max_mb=1, file_keep=2)
    with open(tmp_path / "stderr", "w", encoding="utf-8") as stream:
        logs.configure(settings, stream)
        logs.keep_file(settings, tmp_path)
        for number in range(64):
            logging.getLogger("a").warning("%s %s", number, "x" * (MEGABYTE // 10))

    files = sorted(tmp_path.glob("postroom.log*"))
    assert [file.name for file in files] == ["postroom.log", "postroom.log.1", "postroom.log.2"]
    assert all(file.stat().st_size <= MEGABYTE for file in files)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert " 63 x" in (tmp_path / "postroom.log").read_text(encoding="utf-8")


def test_without_a_name_there_is_no_file(tmp_path: Path) -> None:
    with open(tmp_path / "stderr", "w", encoding="utf-8") as stream:
        logs.configure(LogSettings(file=""), stream)
        logs.keep_file(LogSettings(file=""), tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["stderr"]


def test_file_that_cannot_be_opened_is_told_of_and_costs_no_line(tmp_path: Path) -> None:
    stderr = tmp_path / "stderr"
    settings = LogSettings(file="missing/postroom.log")
    with open(stderr, "w", encoding="utf-8") as stream:
        logs.configure(settings, stream)
        logs.keep_file(settings, tmp_path)
        structlog.get_logger("a").info("goes on")

    told, line = stderr.read_text(encoding="utf-8").splitlines()
    assert "no log file is written" in told
    assert "No such file or directory" in told
    assert "goes on" in line
