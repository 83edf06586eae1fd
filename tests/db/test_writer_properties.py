"""Whatever comes between writers, failures and a crash: nothing acknowledged is lost, nothing is half there."""

import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import gevent
import pytest
from gevent.threadpool import ThreadPool
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from appliance.config.settings import DatabaseSettings
from appliance.db.database import Database
from tests.waiting import wait_until

TABLE = "CREATE TABLE pairs (name TEXT, half TEXT, PRIMARY KEY (name, half))"
ROOT = Path(__file__).resolve().parents[2]


class Refused(Exception):
    pass


class Writer:
    """One greenlet's writes. Each puts two rows; `fails` says before which of them, or after both, it raises."""

    def __init__(self, database: Database, name: int, fails: list[int | None]) -> None:
        self._database = database
        self._name = name
        self._fails = fails
        self.kept: set[str] = set()

    def run(self) -> None:
        for number, fails_at in enumerate(self._fails):
            name = f"{self._name}-{number}"
            try:
                self._database.write(lambda session, name=name, at=fails_at: put_pair(session, name, at))
                self.kept.add(name)
            except Refused:
                pass


def put_pair(session: Session, name: str, fails_at: int | None) -> None:
    for index, half in enumerate("ab"):
        if fails_at == index:
            raise Refused
        session.execute(text("INSERT INTO pairs VALUES (:name, :half)"), {"name": name, "half": half})
    if fails_at == 2:
        raise Refused


def pairs(path: Path) -> dict[str, set[str]]:
    """What another process finds in the file."""
    found: dict[str, set[str]] = {}
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    for name, half in connection.execute("SELECT name, half FROM pairs"):
        found.setdefault(name, set()).add(half)
    connection.close()
    return found


def make_table(path: Path) -> Path:
    connection = sqlite3.connect(path)
    connection.execute(TABLE)
    connection.commit()
    connection.close()
    return path


fates = st.sampled_from([None, None, None, 0, 1, 2])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(plans=st.lists(st.lists(fates, min_size=1, max_size=8), min_size=1, max_size=12))
def test_interleaved_writers_keep_exactly_what_succeeded(native: ThreadPool, plans: list[list[int | None]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = make_table(Path(directory) / "pairs.db")
        database = Database(f"sqlite:///{path}", DatabaseSettings(), native.apply)
        database.start()
        writers = [Writer(database, name, plan) for name, plan in enumerate(plans)]

        gevent.joinall([gevent.spawn(writer.run) for writer in writers], raise_error=True)
        database.stop()

        acknowledged = set().union(*(writer.kept for writer in writers))
        expected = {f"{w}-{n}" for w, plan in enumerate(plans) for n, fate in enumerate(plan) if fate is None}
        assert acknowledged == expected
        assert pairs(path) == {name: {"a", "b"} for name in acknowledged}


@pytest.mark.parametrize("moment", [1, 40, 150, 400, 900, 2000])
def test_killed_process_loses_nothing_that_it_acknowledged(tmp_path: Path, moment: int) -> None:
    """Killed by SIGKILL once it has acknowledged `moment` writes: in the middle of whatever it was doing then."""
    path = make_table(tmp_path / "pairs.db")
    log = tmp_path / "acknowledged"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "tests.db.crash_writer", str(path), str(moment)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=output)
        try:
            wait_until(lambda: log.read_bytes().count(b"\n") >= moment)
        finally:
            process.kill()
            process.wait()

    lines = [line.split() for line in log.read_text().splitlines()]
    acknowledged = {name for verdict, name in lines if verdict == "ok"}
    failed = {name for verdict, name in lines if verdict == "failed"}
    found = pairs(path)
    assert acknowledged <= found.keys()
    assert failed.isdisjoint(found)
    assert all(halves == {"a", "b"} for halves in found.values())
    assert len(acknowledged) + len(failed) >= moment


def test_database_that_was_killed_is_written_to_again(tmp_path: Path, native: ThreadPool) -> None:
    path = make_table(tmp_path / "pairs.db")
    command = [sys.executable, "-m", "tests.db.crash_writer", str(path), "7"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    before = pairs(path).keys()

    database = Database(f"sqlite:///{path}", DatabaseSettings(), native.apply)
    database.start()
    database.write(lambda session: put_pair(session, "after", None))
    database.stop()

    assert pairs(path).keys() == before | {"after"}
