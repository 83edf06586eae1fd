"""Measures statistics: `.venv/bin/python -m tests.bench.statistics` (`--help` has the options).

A year of figures of 10 sender accounts, 20 templates, 50 tags and 5 API keys, each busy in every hour; then
each question over HTTP, one after the other, and what counting costs. Floors are those of docs/performance.md.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from appliance.config.settings import DatabaseSettings, StatisticsSettings
from appliance.db.database import Database
from appliance.db.models import Event, Rollup
from appliance.db.models.base import insert_rows
from appliance.db.models.rollup import COUNTERS, EVERYBODY, KEY, NONE, TIMES, Dimension, Unit
from appliance.db.types import new_id
from appliance.services.event_log import EventLog
from appliance.services.statistics import Statistics
from tests.functional.processes import Appliance, running

YEAR = 365
FLOOR = "<= 50 ms"
KEYS = [new_id("key") for _ in range(5)]
VALUES = {
    Dimension.TOTAL: [NONE],
    Dimension.ACCOUNT: [new_id("acc") for _ in range(10)],
    Dimension.TEMPLATE: [new_id("tpl") for _ in range(20)],
    Dimension.TAG: [f"campaign-{number}" for number in range(50)],
}
ASKED = {
    "hour": "group_by=hour",
    "hour, 34 days": "group_by=hour&since={month}",
    "day": "group_by=day",
    "day, a year": "group_by=day&since={year}",
    "account, a year": "group_by=account&since={year}",
    "template, a year": "group_by=template&since={year}",
    "tag, a year": "group_by=tag&since={year}",
    "key, a year": "group_by=key&since={year}",
    "status, a year": "group_by=status&since={year}",
    "day of one tag, a year": "group_by=day&tag=campaign-7&since={year}",
    "tag of one key, a year": "group_by=tag&key={key}&since={year}",
    "tag, 2 days by hours": "group_by=tag&since={days}",
    "day x account, a year": "group_by=day,account&since={year}",
    "day x key, a year": "group_by=day,key&since={year}",
    "day x tag, 30 days": "group_by=day,tag",
    "hour x tag, 24 hours": "group_by=hour,tag",
}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as directory, running(Path(directory), {"LOG_LEVEL": "warning"}) as appliance:
        key = appliance.create_key()
        database = Database(f"sqlite:///{appliance.data_dir / 'postroom.db'}", DatabaseSettings())
        database.start()
        before = _megabytes(appliance)
        rows = _fill(database)
        _row("rollups of a year", f"{rows:,}, {_megabytes(appliance) - before:.0f} MiB", "")
        for name, query in ASKED.items():
            _measure(appliance, key, name, f"/api/v1/stats?{_dated(query)}", options.requests)
        _measure(appliance, key, "summary, a year", _dated("/api/v1/stats/summary?since={year}"), options.requests)
        for path in ("/metrics", "/health"):
            _measure(appliance, key, path, path, options.requests)
        database.stop()
        assert appliance.stop() == 0
        _measure_counting(database, options.events)


def _fill(database: Database) -> int:
    count = 0
    times = {name: random.randint(0, 40) if 3 < index < 14 else 0 for index, name in enumerate(TIMES)}
    counts = {name: random.randint(0, 90) for name in COUNTERS}
    for unit, period in _periods():
        keys = (
            (unit, scope, one, period, value)
            for scope in (EVERYBODY, *KEYS)
            for one in Dimension
            for value in VALUES[one]
        )
        rows = [{**counts, **times, **dict(zip(KEY, key, strict=True))} for key in keys]
        database.write(lambda session, rows=rows: insert_rows(session, Rollup, *rows))  # type: ignore[misc]
        count += len(rows)
    return count


def _periods() -> Iterator[tuple[Unit, str]]:
    now, zone = datetime.now(UTC), ZoneInfo("UTC")
    months = set()
    for back in range(YEAR + 1):
        day = now - timedelta(days=back)
        yield Unit.DAY, Unit.DAY.period(day, zone)
        months.add(Unit.MONTH.period(day, zone))
    for month in sorted(months):
        yield Unit.MONTH, month
    for back in range(35 * 24):
        yield Unit.HOUR, Unit.HOUR.period(now - timedelta(hours=back), zone)


def _dated(query: str) -> str:
    def ago(days: int) -> str:
        return f"{date.today() - timedelta(days=days)}T05:00:00Z"

    return query.format(year=ago(YEAR), month=ago(34), days=ago(2), key=KEYS[2])


def _measure(appliance: Appliance, key: str, name: str, path: str, requests: int) -> None:
    seconds, cpu = [], appliance.cpu_seconds()
    for _ in range(requests):
        began = time.perf_counter()
        status, _ = appliance.request("GET", path, key)
        seconds.append(time.perf_counter() - began)
        assert status == 200, (path, status)
    cpu = (appliance.cpu_seconds() - cpu) / requests
    seconds.sort()
    p50, p95 = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.95)]
    figure = f"p50 {p50 * 1000:.1f}, p95 {p95 * 1000:.1f}, longest {seconds[-1] * 1000:.1f}, CPU {cpu * 1000:.0f} ms"
    _row(name, figure, FLOOR)


def _measure_counting(database: Database, events: int) -> None:
    """Of events as a loaded box has them: two keys, three accounts, five templates, some of ten tags."""
    database.start()
    log = EventLog(database, [_statistics(database).count])
    while log.turn():
        pass
    rows = [_event(number) for number in range(events)]
    for start in range(0, events, 500):
        database.write(lambda session, start=start: Event.note(session, rows[start : start + 500]))  # type: ignore[misc]
    turns, cpu = [], time.process_time()
    more = True
    while more:
        began = time.perf_counter()
        more = log.turn()
        turns.append(time.perf_counter() - began)
    cpu = time.process_time() - cpu
    turns.sort()
    _row("counting 500 events, p50 / longest", f"{turns[len(turns) // 2] * 1000:.1f} / {turns[-1] * 1000:.1f} ms", "")
    _row("CPU an event, taking it out of the log included", f"{cpu / events * 1e6:.0f} us", "")
    database.stop()


def _event(number: int) -> dict[str, Any]:
    sent = number % 2
    return {
        "kind": "message.sent" if sent else "message.accepted",
        "at": datetime.now(UTC),
        "message_id": f"msg_{number}",
        "account_id": VALUES[Dimension.ACCOUNT][number % 3] if sent else None,
        "api_key_id": KEYS[number % 2],
        "template_id": VALUES[Dimension.TEMPLATE][number % 5],
        "tags": VALUES[Dimension.TAG][number % 10 : number % 10 + 2],
        "priority": 1,
        "reason": "",
        "seconds": random.expovariate(20) if sent else None,
    }


def _statistics(database: Database) -> Statistics:
    return Statistics(database, StatisticsSettings(), zone=ZoneInfo("UTC"), clock=lambda: datetime.now(UTC))


def _megabytes(appliance: Appliance) -> float:
    return sum(path.stat().st_size for path in appliance.data_dir.glob("postroom.db")) / 1024 / 1024


def _row(name: str, figure: str, floor: str) -> None:
    print(f"{name:48} {figure:52} {floor}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure statistics.")
    parser.add_argument("--requests", type=int, default=50)
    parser.add_argument("--events", type=int, default=20_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
