import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def lines() -> Callable[..., list[str]]:
    """Configures, runs what is given, and returns the lines that were written."""

    def written(do: Callable[[], object], **settings: Any) -> list[str]:
        stream = io.StringIO()
        logs.configure(LogSettings(**settings), stream)
        do()
        return stream.getvalue().splitlines()

    return written


def test_text_line_has_moment_level_event_and_values(lines: Callable[..., list[str]]) -> None:
    [line] = lines(lambda: structlog.get_logger("a.b").info("message sent", message="msg_1"))

    assert line[:10].count("-") == 2
    assert line[10] == "T"
    assert "Z [info" in line
    assert "message sent" in line
    assert line.endswith("[a.b] message=msg_1")
    assert "\x1b" not in line


def test_json_line_is_an_object_with_utc_time(lines: Callable[..., list[str]]) -> None:
    [line] = lines(lambda: structlog.get_logger("a.b").warning("déjà vu", n=1), format="json")

    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "déjà vu", "n": 1, "level": "warning", "logger": "a.b"}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "message", ["{brace} {0} {", "100% %s %(x)d", "a\nb", "<b>", "\ud800 lone surrogate", "", "x" * 10_000]
)
def test_no_message_breaks_a_line(lines: Callable[..., list[str]], form: str, message: str) -> None:
    written = lines(lambda: structlog.get_logger("a").error(message, value=message), format=form)

    assert len(written) == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_value_that_cannot_be_shown_costs_the_value_and_not_the_line(
    lines: Callable[..., list[str]], form: str
) -> None:
    class Broken:
        def __str__(self) -> str:
            raise ValueError("broken")

        __repr__ = __str__

    [line] = lines(lambda: structlog.get_logger("a").error("it happened", value=Broken()), format=form)

    assert "it happened" in line
    assert "broken" in line


def test_mistake_in_another_librarys_log_call_costs_no_line(lines: Callable[..., list[str]]) -> None:
    [line] = lines(lambda: logging.getLogger("library").warning("%s and %s", 1))

    assert "%s and %s" in line


def test_addresses_and_secrets_are_masked_wherever_they_come_from(lines: Callable[..., list[str]]) -> None:
    def do() -> None:
        structlog.get_logger("a").info("to user@example.com", sender="user@example.com", password="hunter2")
        logging.getLogger("library").warning("refused %s", "user@example.com")
        try:
            raise ValueError("user@example.com")
        except ValueError:
            structlog.get_logger("a").exception("failed")

    text = "\n".join(lines(do))

    assert "user@example.com" not in text
    assert "hunter2" not in text
    assert "refused u***@example.com" in text
    assert "ValueError: u***@example.com" in text


def test_request_id_follows_into_every_line(lines: Callable[..., list[str]]) -> None:
    structlog.contextvars.bind_contextvars(request_id="req_1")

    written = lines(lambda: (structlog.get_logger("a").info("ours"), logging.getLogger("library").warning("theirs")))

    assert all("request_id=req_1" in line for line in written)


def test_exception_is_written_with_its_traceback(lines: Callable[..., list[str]]) -> None:
    def do() -> None:
        try:
            raise ValueError("why")
        except ValueError:
            structlog.get_logger("a").exception("failed")

    [line] = lines(do, format="json")

    assert json.loads(line)["exception"].endswith("ValueError: why")


def test_lines_below_the_level_are_not_written(lines: Callable[..., list[str]]) -> None:
    def do() -> None:
        structlog.get_logger("a").info("no")
        logging.getLogger("library").info("no")
        logging.getLogger("kombu").warning("no")

    assert lines(do, level="error") == []


def test_chatter_of_libraries_is_left_out(lines: Callable[..., list[str]]) -> None:
    def do() -> None:
        for name in logs.QUIET:
            logging.getLogger(name).info("chatter")

    assert lines(do) == []


def test_latest_lines_are_kept_as_they_were_written(lines: Callable[..., list[str]]) -> None:
    before = RECENT.recent(LogQuery())[-1:]

    def do() -> None:
        with structlog.contextvars.bound_contextvars(request_id="req_of_a_test"):
            structlog.get_logger("appliance.a.b").warning("to user@example.com", token="hunter2", n=1)
            logging.getLogger("library").warning("theirs")
            logging.getLogger("library").warning("%s and %s", 1)

    lines(do, level="warning")

    found = RECENT.recent(LogQuery(after=before[0].sequence if before else 0, limit=10))
    assert [(one.level, one.component, one.event, one.request_id) for one in found[:2]] == [
        ("warning", "a.b", "to u***@example.com", "req_of_a_test"),
        ("warning", "library", "theirs", "req_of_a_test"),
    ]
    assert found[0].fields == {"token": "[redacted]", "n": "1"}
    assert found[2].event == "%s and %s"


def test_latest_lines_are_kept_once_however_many_places_they_are_written_to(
    lines: Callable[..., list[str]], tmp_path: Path
) -> None:
    def do() -> None:
        logs.keep_file(LogSettings(), tmp_path)
        structlog.get_logger("once").warning("only once")

    lines(do)

    assert len(RECENT.recent(LogQuery(text="only once"))) == 1


def test_closed_stream_is_no_error() -> None:
    stream = io.StringIO()
    logs.configure(LogSettings(), stream)
    stream.close()

    structlog.get_logger("a").error("nobody hears")


def test_process_whose_log_was_set_up_by_somebody_else_has_nothing_to_settle(tmp_path: Path) -> None:
    logging.getLogger().handlers[:] = []

    logs.settle()
    logs.keep_file(LogSettings(), tmp_path)

    assert list(tmp_path.iterdir()) == []
