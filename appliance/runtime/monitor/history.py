"""The tasks that Flower shows, kept across restarts: a small SQLite file, written a few rows at a time.

Flower's own way is to pickle all it knows into a file: that takes about a second for ten thousand tasks, during which
nothing else in the process runs, and a tampered file would run code.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import structlog

TaskRecord = dict[str, Any]
"""What is known of one task, as plain JSON: `uuid`, `state`, `timestamp` (seconds since 1970) and more."""

RunNative = Callable[[Callable[[], Any]], Any]
"""Runs a function where it does not block the event loop, and returns its result."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS task (uuid TEXT PRIMARY KEY, timestamp REAL NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS task_by_time ON task (timestamp);
CREATE TABLE IF NOT EXISTS counter (worker TEXT, event TEXT, count INTEGER, PRIMARY KEY (worker, event)) WITHOUT ROWID;
"""
NEEDED_FIELDS = {"uuid", "state", "timestamp", "hostname"}
FILE_SUFFIXES = ("", "-wal", "-shm")

log = structlog.get_logger(__name__)


class TaskHistory:
    """At most `limit` tasks, the latest ones. It never fails: without its file, Flower starts empty."""

    def __init__(self, path: Path, limit: int, run_native: RunNative) -> None:
        self._path = path
        self._limit = limit
        self._run_native = run_native
        self._lock = threading.Lock()

    def load(self) -> tuple[Iterator[TaskRecord], list[tuple[str, str, int]]]:
        """The tasks, oldest first, and (worker, event type, count) of the events seen. A broken file is set aside."""
        try:
            rows, counters = self._exclusively(self._read)
            return _readable(rows), counters
        except (sqlite3.OperationalError, OSError) as error:
            log.warning("Flower's history cannot be read", file=str(self._path), error=str(error))
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
        return iter(()), []

    def save(self, records: Iterable[TaskRecord], counters: Iterable[tuple[str, str, int]]) -> bool:
        """Whether it is kept. False: try again later, with the same records."""
        rows = [(record["uuid"], record["timestamp"], json.dumps(record)) for record in records]
        counts = list(counters)
        try:
            self._exclusively(lambda: self._write(rows, counts))
        except (sqlite3.Error, OSError) as error:
            log.warning("Flower's history cannot be written", file=str(self._path), error=str(error))
            return False
        return True

    def _exclusively(self, access: Callable[[], Any]) -> Any:
        with self._lock:
            return self._run_native(access)

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=5.0)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # the last seconds of it may be lost with the power
        connection.executescript(SCHEMA)
        return connection

    def _read(self) -> tuple[list[str], list[tuple[str, str, int]]]:
        latest = "SELECT timestamp, record FROM task ORDER BY timestamp DESC LIMIT ?"
        with closing(self._connect()) as connection:
            rows = connection.execute(latest, (self._limit,)).fetchall()
            counters = connection.execute("SELECT worker, event, count FROM counter").fetchall()
        return [record for _, record in reversed(rows)], counters

    def _write(self, rows: list[tuple[str, float, str]], counters: list[tuple[str, str, int]]) -> None:
        surplus = "DELETE FROM task WHERE uuid IN (SELECT uuid FROM task ORDER BY timestamp DESC LIMIT -1 OFFSET ?)"
        with closing(self._connect()) as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO task VALUES (?, ?, ?)", rows)
            connection.executemany("INSERT OR REPLACE INTO counter VALUES (?, ?, ?)", counters)
            connection.execute(surplus, (self._limit,))

    def _set_aside(self, error: Exception) -> None:
        log.warning("Flower's history is damaged and was set aside", file=str(self._path), error=str(error))
        for suffix in FILE_SUFFIXES:
            damaged = Path(f"{self._path}{suffix}")
            if damaged.exists():
                damaged.replace(f"{self._path}.damaged{suffix}")


def _readable(rows: list[str]) -> Iterator[TaskRecord]:
    for row in rows:
        record = _parsed(row)
        if record.keys() >= NEEDED_FIELDS:
            yield record
        else:
            log.warning("a task of Flower's history is damaged and left out", row=row[:100])


def _parsed(row: str) -> TaskRecord:
    try:
        record = json.loads(row)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
