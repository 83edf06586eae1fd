import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from appliance.config import log_repeats, logs
from appliance.config.log_repeats import Repeats
from appliance.config.log_settings import LogSettings
from tests.logging_state import logging_kept


class Moment:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Log:
    """Ten seconds of memory, and a clock that stands still."""

    def __init__(self) -> None:
        self.moment = Moment()
        self.written: list[logging.LogRecord] = []
        self.repeats = Repeats(10, self.written.append, self.moment)

    def says(self, text: str, logger: str = "a") -> None:
        record = logging.makeLogRecord(
            {"name": logger, "levelno": logging.WARNING, "levelname": "WARNING", "msg": text}
        )
        if self.repeats.admit(record):
            self.written.append(record)

    @property
    def lines(self) -> list[tuple[str, int]]:
        """Events, and how often they are said to have come again."""
        return [
            (record.msg["event"], record.msg["repeated"]) if isinstance(record.msg, dict) else (record.msg, 0)
            for record in self.written
        ]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def lines() -> Iterator[Callable[..., list[dict[str, object]]]]:
    """What a real log writes, as JSON."""

    def written(do: Callable[[], object]) -> list[dict[str, object]]:
        stream = io.StringIO()
        logs.configure(LogSettings(format="json"), stream)
        do()
        for handler in logging.getLogger().handlers:
            handler.flush()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    with logging_kept():
        yield written


def test_line_of_a_thousand_is_written_once_and_then_its_count(log: Log) -> None:
    for _ in range(1_000):
        log.says("refused")
    log.moment.now += 10
    log.repeats.settle()

    assert log.lines == [("refused", 0), ("refused", 999)]


def test_count_waits_until_the_time_is_over(log: Log) -> None:
    log.says("refused")
    log.says("refused")
    log.moment.now += 9
    log.repeats.settle()

    assert log.lines == [("refused", 0)]


def test_any_other_line_lets_a_count_out_whose_time_is_over(log: Log) -> None:
    log.says("refused")
    log.says("refused")
    log.moment.now += 10
    log.says("other")

    assert log.lines == [("refused", 0), ("refused", 1), ("other", 0)]


def test_line_that_did_not_come_again_has_no_count(log: Log) -> None:
    log.says("refused")
    log.moment.now += 10
    log.says("refused")
    log.says("refused", logger="b")

    assert log.lines == [("refused", 0)] * 3


def test_many_different_lines_need_bounded_memory_and_lose_no_count(log: Log) -> None:
    log.says("first")
    log.says("first")
    for number in range(log_repeats.MOST_LINES):
        log.says(f"line {number}")

    assert log.lines[-1] == (f"line {log_repeats.MOST_LINES - 1}", 0)
    assert ("first", 1) in log.lines
    assert len(log.repeats._seen) == log_repeats.MOST_LINES


def test_no_count_is_lost_at_the_end_of_the_process(lines: Callable[..., list[dict[str, object]]]) -> None:
    def do() -> None:
        for _ in range(1_000):
            structlog.get_logger("a").error("disk full", path="/var")
            logging.getLogger("library").warning("slow %s", 1)

    first, foreign, *told = lines(do)

    assert (first["event"], foreign["event"]) == ("disk full", "slow 1")
    assert [(one["event"], one["level"], one["logger"], one["repeated"]) for one in told] == [
        ("disk full", "error", "a", 999),
        ("slow 1", "warning", "library", 999),
    ]
    assert told[0]["path"] == "/var"
    assert str(told[0]["timestamp"]).endswith("Z")


def test_lines_that_differ_in_a_value_or_in_their_error_are_no_repeats(
    lines: Callable[..., list[dict[str, object]]],
) -> None:
    def do() -> None:
        for number in range(3):
            structlog.get_logger("a").info("sent", message=number)
            try:
                raise ValueError(number)
            except ValueError:
                logging.getLogger("library").exception("failed")

    assert len(lines(do)) == 6


def test_traceback_is_not_written_again_with_the_count(lines: Callable[..., list[dict[str, object]]]) -> None:
    def do() -> None:
        for _ in range(2):
            try:
                raise ValueError("why")
            except ValueError:
                structlog.get_logger("a").exception("failed")

    first, again = lines(do)

    assert "ValueError: why" in str(first["exception"])
    assert "exception" not in again


def test_zero_seconds_write_every_line() -> None:
    written: list[logging.LogRecord] = []
    repeats = Repeats(0, written.append)
    record = logging.makeLogRecord({"name": "a", "msg": "again"})

    assert [repeats.admit(record) for _ in range(3)] == [True] * 3
