"""The latest lines of the log, kept in memory: what the log page and a report for support show."""

import itertools
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

KEPT = 2_000
LONGEST_VALUE = 2_000
OURS = "appliance."


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line, masked as it was written.

    `sequence` counts the lines of this process from 1. `component` is the module that wrote it, without "appliance.".
    """

    sequence: int
    at: datetime
    level: str
    component: str
    event: str
    request_id: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines. None asks for all.

    `level`: this one and what is worse. `component`: this one and what lies within it, so "services" finds
    "services.delivery". `text`: a part of the event or of a value, in whatever case. `after`: a sequence number.
    """

    level: str | None = None
    component: str | None = None
    request_id: str | None = None
    text: str | None = None
    after: int = 0
    limit: int = 200


class LogRing:
    """Bounded in lines and in the length of each. Lines may come from any thread: nothing here waits for a lock."""

    def __init__(self, kept: int = KEPT) -> None:
        self._lines: deque[tuple[int, dict[str, Any]]] = deque(maxlen=kept)
        self._sequence = itertools.count(1)

    def add(self, event: Mapping[str, Any]) -> None:
        """`event`: masked, with timestamp (ISO 8601), level, logger and event."""
        self._lines.append((next(self._sequence), {key: _bounded(value) for key, value in event.items()}))

    def recent(self, query: LogQuery) -> Sequence[LogRecord]:
        """Oldest first: the newest lines that fit or, with `after`, the first ones that follow it."""
        fitting = (record for record in self._newest_first(query.after) if _fits(record, query))
        if query.after:
            return list(reversed(list(fitting)))[: query.limit]
        return list(reversed(list(itertools.islice(fitting, query.limit))))

    def components(self) -> Sequence[str]:
        """Of the lines that are kept, in alphabetical order."""
        return sorted({_component(event) for _, event in list(self._lines)})

    def _newest_first(self, after: int) -> Iterator[LogRecord]:
        for sequence, event in reversed(list(self._lines)):
            if sequence <= after:
                return
            yield _record(sequence, event)


def _bounded(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    return str(value)[:LONGEST_VALUE]


def _record(sequence: int, event: Mapping[str, Any]) -> LogRecord:
    values = dict(event)
    return LogRecord(
        sequence=sequence,
        component=_component(values),
        at=datetime.fromisoformat(values.pop("timestamp")),
        level=values.pop("level"),
        event=values.pop("event"),
        request_id=str(values.pop("request_id", "")),
        fields={key: str(value) for key, value in values.items() if key != "logger"},
    )


def _component(event: Mapping[str, Any]) -> str:
    return str(event["logger"]).removeprefix(OURS)


def _fits(record: LogRecord, query: LogQuery) -> bool:
    return (
        (not query.level or _weight(record.level) >= _weight(query.level))
        and (not query.component or f"{record.component}.".startswith(f"{query.component}."))
        and (not query.request_id or record.request_id == query.request_id)
        and (not query.text or _holds(record, query.text.casefold()))
    )


def _weight(level: str) -> int:
    return logging.getLevelNamesMapping().get(level.upper(), logging.INFO)


def _holds(record: LogRecord, text: str) -> bool:
    return any(text in value.casefold() for value in (record.event, record.request_id, *record.fields.values()))


RECENT = LogRing()
