"""Lines for systemd's journal: a priority before each, and no moment of their own."""

import io
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest
import structlog

from appliance.config import logs
from appliance.config.log_ring import RECENT, LogQuery
from appliance.config.log_settings import LogSettings
from tests.logging_state import logging_kept


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    with logging_kept():
        yield


class Journal:
    """A stream as systemd connects it: a socket, and a variable that tells which."""

    def __init__(self) -> None:
        ours, self._theirs = socket.socketpair()
        self.stream: TextIO = open(ours.detach(), "w", encoding="utf-8")  # noqa: SIM115 - `close` closes it
        self.environ = {"JOURNAL_STREAM": identity(self.stream)}

    def entries(self) -> list[str]:
        """What the journal would make of what was written: it begins a new one at a NUL too."""
        self.stream.flush()
        return self._theirs.recv(1_000_000).decode().replace("\0", "\n").splitlines()

    def close(self) -> None:
        self.stream.close()
        self._theirs.close()


def identity(stream: TextIO) -> str:
    found = os.fstat(stream.fileno())
    return f"{found.st_dev}:{found.st_ino}"


@pytest.fixture
def journal() -> Iterator[Journal]:
    journal = Journal()
    yield journal
    journal.close()


@pytest.mark.parametrize(
    ("say", "priority"),
    [
        (lambda log: log.critical("it happened"), "<2>"),
        (lambda log: log.error("it happened"), "<3>"),
        (lambda log: log.warning("it happened"), "<4>"),
        (lambda log: log.info("it happened"), "<6>"),
        (lambda log: log.debug("it happened"), "<7>"),
        (lambda _log: logging.getLogger("library").warning("it %s", "happened"), "<4>"),
        (lambda _log: logging.getLogger("library").log(35, "it happened"), "<4>"),
    ],
)
def test_line_begins_with_its_priority_and_has_no_moment(
    journal: Journal, say: Callable[[structlog.stdlib.BoundLogger], None], priority: str
) -> None:
    logs.configure(LogSettings(level="debug"), journal.stream, journal.environ)

    say(structlog.get_logger("a.b"))

    [line] = journal.entries()
    assert line.startswith(f"{priority}[")
    assert "it happened" in line
    assert not any(character.isdecimal() for character in line[3:].replace("35", ""))


def test_each_line_of_a_traceback_has_the_priority(journal: Journal) -> None:
    logs.configure(LogSettings(), journal.stream, journal.environ)
    try:
        raise ValueError("why\n<0>not")
    except ValueError:
        structlog.get_logger("a").exception("failed")

    lines = journal.entries()
    assert len(lines) > 3
    assert [line for line in lines if not line.startswith("<3>")] == []
    assert lines[-2:] == ["<3>ValueError: why", "<3><0>not"]


@pytest.mark.parametrize("text", ["a\n<0>b", "a\0<0>b", "a\r<0>b"])
def test_nobody_outside_makes_up_an_entry(journal: Journal, text: str) -> None:
    logs.configure(LogSettings(), journal.stream, journal.environ)

    structlog.get_logger("a").warning(text, value=text)

    assert len(journal.entries()) == 1


def test_line_that_could_not_be_made_well_has_a_priority_too(journal: Journal) -> None:
    logs.configure(LogSettings(), journal.stream, journal.environ)

    logging.getLogger("library").error("%s and %s", 1)

    [line] = journal.entries()
    assert line.startswith("<3>[error")
    assert "%s and %s" in line


def test_line_that_came_again_is_told_of_with_its_priority(journal: Journal) -> None:
    logs.configure(LogSettings(), journal.stream, journal.environ)

    for _ in range(3):
        structlog.get_logger("a").warning("again")
    for handler in logging.getLogger().handlers:
        handler.flush()

    assert [line.partition("[")[0] for line in journal.entries()] == ["<4>", "<4>"]


def test_json_is_left_as_it_is(journal: Journal) -> None:
    logs.configure(LogSettings(format="json"), journal.stream, journal.environ)

    structlog.get_logger("a").warning("it happened")

    [line] = journal.entries()
    assert json.loads(line)["timestamp"].endswith("Z")


def test_page_and_file_keep_the_moment(journal: Journal, tmp_path: Path) -> None:
    logs.configure(LogSettings(), journal.stream, journal.environ)
    logs.keep_file(LogSettings(), tmp_path)

    structlog.get_logger("a").warning("kept with its moment")

    [line] = (tmp_path / "postroom.log").read_text(encoding="utf-8").splitlines()
    [record] = RECENT.recent(LogQuery(text="kept with its moment"))
    assert line[:4] == f"{record.at:%Y}"
    assert "[warning" in line


def test_stream_that_was_sent_elsewhere_is_not_the_journal(journal: Journal, tmp_path: Path) -> None:
    """The variable is inherited by whatever the service starts, also where that writes to a file."""
    with open(tmp_path / "log", "w", encoding="utf-8") as stream:
        logs.configure(LogSettings(), stream, journal.environ)
        structlog.get_logger("a").warning("it happened")

    assert (tmp_path / "log").read_text(encoding="utf-8")[4] == "-"


@pytest.mark.parametrize("told", ["", "nonsense", "1:"])
def test_variable_that_names_nothing_is_no_journal(journal: Journal, told: str) -> None:
    logs.configure(LogSettings(), journal.stream, {"JOURNAL_STREAM": told})

    structlog.get_logger("a").warning("it happened")

    assert journal.entries()[0][4] == "-"


def test_stream_without_a_file_is_no_journal(journal: Journal) -> None:
    stream = io.StringIO()
    logs.configure(LogSettings(), stream, journal.environ)

    structlog.get_logger("a").warning("it happened")

    assert stream.getvalue()[4] == "-"


def test_variable_of_this_process_counts_where_none_is_given(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", identity(journal.stream))
    logs.configure(LogSettings(), journal.stream)

    structlog.get_logger("a").warning("it happened")

    assert journal.entries()[0].startswith("<4>")
