from datetime import UTC, datetime
from typing import Any

import pytest

from appliance.config.log_ring import LONGEST_VALUE, LogQuery, LogRecord, LogRing


def line(**values: Any) -> dict[str, Any]:
    return {
        "timestamp": "2026-03-01T12:00:00.5Z",
        "level": "info",
        "logger": "appliance.services.delivery",
        "event": "message sent",
        **values,
    }


def ring_of(*lines: dict[str, Any], kept: int = 100) -> LogRing:
    ring = LogRing(kept)
    for one in lines:
        ring.add(one)
    return ring


def sequences(ring: LogRing, **query: Any) -> list[int]:
    return [record.sequence for record in ring.recent(LogQuery(**query))]


def test_line_comes_back_as_it_was_written() -> None:
    ring = ring_of(line(request_id="req_1", message="msg_1", ms=12, account=None))

    assert ring.recent(LogQuery()) == [
        LogRecord(
            sequence=1,
            at=datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC),
            level="info",
            component="services.delivery",
            event="message sent",
            request_id="req_1",
            fields={"message": "msg_1", "ms": "12", "account": "None"},
        )
    ]


def test_oldest_lines_make_room() -> None:
    ring = ring_of(*[line() for _ in range(5)], kept=3)

    assert sequences(ring) == [3, 4, 5]


def test_without_a_place_the_newest_lines_come_and_after_one_those_that_follow_it() -> None:
    ring = ring_of(*[line() for _ in range(10)])

    assert sequences(ring, limit=3) == [8, 9, 10]
    assert sequences(ring, limit=3, after=4) == [5, 6, 7]
    assert sequences(ring, after=10) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"level": "info"}, [2, 3, 4]),
        ({"level": "warning"}, [3, 4]),
        ({"component": "services"}, [1, 2, 3]),
        ({"component": "services.outbox"}, [3]),
        ({"component": "serv"}, []),
        ({"request_id": "req_2"}, [2]),
        ({"text": "MSG_7"}, [3]),
        ({"text": "sent"}, [1, 2]),
        ({"text": "req_2"}, [2]),
        ({"text": "sent", "level": "info"}, [2]),
        ({"level": "", "component": "", "request_id": "", "text": ""}, [1, 2, 3, 4]),
    ],
)
def test_lines_are_found_by_what_is_asked(query: dict[str, Any], found: list[int]) -> None:
    ring = ring_of(
        line(level="debug", request_id="req_1"),
        line(request_id="req_2"),
        line(level="warning", logger="appliance.services.outbox", event="held", message="msg_7"),
        line(level="error", logger="celery.worker", event="lost"),
    )

    assert sequences(ring, **query) == found


def test_long_values_are_cut() -> None:
    [record] = ring_of(line(event="x" * 10_000, exception=["y"] * 10_000)).recent(LogQuery())

    assert len(record.event) == LONGEST_VALUE
    assert len(record.fields["exception"]) == LONGEST_VALUE


def test_components_are_those_of_the_lines() -> None:
    ring = ring_of(line(), line(logger="waitress"), line())

    assert ring.components() == ["services.delivery", "waitress"]
