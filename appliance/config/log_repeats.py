"""Keeps the log readable when one thing goes wrong again and again: the line once, then how often it came again."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

MOST_LINES = 512


@dataclass(slots=True)
class _Seen:
    record: logging.LogRecord
    until: float
    again: int = 0


class Repeats:
    """Admits the first of lines that are alike but for the moment; those of the next `seconds` are counted.

    What was counted is written once the time is over, as the same line with `repeated`. Not for two threads at once:
    the handler's lock is around it.
    """

    def __init__(
        self,
        seconds: float,
        write: Callable[[logging.LogRecord], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._write = write
        self._monotonic = monotonic
        self._seen: dict[tuple[object, ...], _Seen] = {}  # in the order in which their time is over

    def admit(self, record: logging.LogRecord) -> bool:
        """Whether `record` is to be written now."""
        self.settle()
        likeness = _likeness(record) if self._seconds else None
        if likeness is None:
            return True
        if (seen := self._seen.get(likeness)) is not None:
            seen.again += 1
            return False
        if len(self._seen) >= MOST_LINES:
            self._settle(next(iter(self._seen)))
        self._seen[likeness] = _Seen(record, self._monotonic() + self._seconds)
        return True

    def settle(self, *, at_once: bool = False) -> None:
        """Writes what was counted of lines whose time is over, or of all."""
        now = self._monotonic()
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest].until > now and not at_once:
                return
            self._settle(oldest)

    def _settle(self, likeness: tuple[object, ...]) -> None:
        seen = self._seen.pop(likeness)
        if seen.again:
            self._write(_told_again(seen))


def _likeness(record: logging.LogRecord) -> tuple[object, ...] | None:
    """None for a record that cannot be shown: the formatter makes of it what can be made."""
    try:
        if isinstance(record.msg, dict):
            text = repr([(key, value) for key, value in record.msg.items() if key != "timestamp"])
        else:
            text = record.getMessage()
        return record.name, record.levelno, text, repr(record.exc_info[1]) if record.exc_info else ""
    except Exception:  # noqa: BLE001 - the outermost edge: a value that raises when it is shown costs no line
        return None


def _told_again(seen: _Seen) -> logging.LogRecord:
    """A record as structlog makes them, so that `repeated` is a value of its own."""
    first = seen.record
    event = dict(first.msg) if isinstance(first.msg, dict) else {"event": first.getMessage()}
    event.pop("exception", None)
    event |= {
        "level": first.levelname.lower(),
        "logger": first.name,
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "repeated": seen.again,
    }
    kind = {"_logger": None, "_name": None}  # what tells structlog's formatter that the record is of its own kind
    return logging.makeLogRecord(
        {"name": first.name, "levelno": first.levelno, "levelname": first.levelname, "msg": event, **kind}
    )
