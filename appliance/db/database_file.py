"""An SQLite database as a file: copied while it is in use, looked through, and asked what it holds.

It may have the schema of an older version, so it is asked in SQL, and only about tables that it has.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from appliance.durable import sync

SYNC_STEPS = 8  # a flood of written pages would make every commit beside it wait
PAGES = 256  # in one step: 1 MiB of a database with pages of 4 KiB
BUSY_SECONDS = 10.0
SHOWN_DAMAGES = 3

ENCRYPTED = (
    ("sender_accounts", "password_encrypted"),
    ("webhook_endpoints", "secret_encrypted"),
    ("webhook_endpoints", "previous_secret_encrypted"),
    ("users", "totp_secret"),
)
"""Where values lie that need the encryption key."""

_KEPT_DIGESTS = "SELECT sha256 FROM message_attachments WHERE {kept}"

Progress = Callable[[int, int], None]
"""Is told bytes done and bytes in all, at every step; what it raises ends the work."""

Rest = Callable[[float], object]
"""Is told how many seconds the last step took, and may wait, so that others get the disk and the processor."""


def no_rest(_worked: float) -> None:
    """Where nobody else has to get a turn."""


class DatabaseFile:
    """Errors of the file are sqlite3.Error and OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        """Bytes of the database as it is now, also what still stands in its write-ahead log."""
        with self._reading() as connection:
            return _bytes(connection)

    def copy_to(self, target: Path, *, progress: Progress, rest: Rest = no_rest) -> None:
        """Makes `target` (mode 0600) a copy of one moment: that of the call. Writers go on meanwhile.

        All of it is read in one transaction: a copy of several steps would begin anew at each write
        (https://www.sqlite.org/c3ref/backup_finish.html), and in WAL mode a reader holds nobody up.
        """
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with self._reading() as source:
            source.execute("BEGIN")
            total = _bytes(source)  # the first read: from here on it sees this moment
            _copy(source, target, total, progress, rest)
        _settle(target)

    def overwrite_with(self, copy: Path) -> None:
        """Takes back the whole content of `copy`, in one transaction."""
        with closing(_connect(copy)) as source, closing(_connect(self.path)) as target:
            source.backup(target)

    def change(self, fn: Callable[[Session], object]) -> None:
        """Runs `fn` in a transaction of its own: for a file that nobody else uses."""
        engine = create_engine(f"sqlite:///{self.path}", poolclass=NullPool)
        with Session(engine) as session, session.begin():
            fn(session)

    def damage(self, *, thorough: bool) -> str:
        """What is broken; empty when nothing is. `thorough` compares the indexes with the tables as well."""
        check = "integrity_check" if thorough else "quick_check"
        try:
            with self._reading() as connection:
                answers = [row[0] for row in connection.execute(f"PRAGMA {check}({SHOWN_DAMAGES})")]
        except sqlite3.DatabaseError as error:
            return str(error)
        return "" if answers == ["ok"] else "; ".join(" ".join(answer.split()) for answer in answers)

    def revision(self) -> str | None:
        """Of its schema."""
        with self._reading() as connection:
            if "alembic_version" not in _tables(connection):
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return row[0] if row else None

    def messages_by_status(self) -> dict[str, int]:
        with self._reading() as connection:
            if "messages" not in _tables(connection):
                return {}
            return dict(connection.execute("SELECT status, count(*) FROM messages GROUP BY status").fetchall())

    def encrypted(self) -> Iterator[tuple[str, str]]:
        """(table, value) of everything that needs the encryption key."""
        with self._reading() as connection:
            for table, column in ENCRYPTED:
                if column in _columns(connection, table):
                    query = f"SELECT {column} FROM {table} WHERE {column} <> ''"  # noqa: S608 - names of ours
                    yield from ((table, row[0]) for row in connection.execute(query))

    def attachments(self) -> Iterator[str]:
        """The SHA-256 of each file that a message or an upload needs."""
        yield from self._digests(f"{_KEPT_DIGESTS} UNION SELECT sha256 FROM attachments")  # noqa: S608

    def attachments_of(self, states: Collection[str]) -> Iterator[str]:
        """The SHA-256 of each file that a message in one of `states` needs."""
        of_states = f"SELECT id FROM messages WHERE status IN ({', '.join('?' * len(states))})"  # noqa: S608
        yield from self._digests(f"SELECT DISTINCT * FROM ({_KEPT_DIGESTS} AND message_id IN ({of_states}))", *states)  # noqa: S608

    def _digests(self, query: str, *values: str) -> Iterator[str]:
        with self._reading() as connection:
            columns = _columns(connection, "message_attachments")
            if columns:
                kept = "removed_at IS NULL" if "removed_at" in columns else "true"
                yield from (row[0] for row in connection.execute(query.format(kept=kept), values))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(_connect(self.path)) as connection:
            connection.execute("PRAGMA query_only = ON")
            yield connection


def _connect(path: Path) -> sqlite3.Connection:
    """An existing file. Not `mode=ro`: what a crash left in the write-ahead log has to be taken in first."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def _bytes(connection: sqlite3.Connection) -> int:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    return int(pages) * int(connection.execute("PRAGMA page_size").fetchone()[0])


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """None, when there is no such table."""
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def _copy(source: sqlite3.Connection, target: Path, total: int, progress: Progress, rest: Rest) -> None:
    began, steps = time.perf_counter(), 0

    def step(_status: int, remaining: int, pages: int) -> None:
        nonlocal began, steps
        steps += 1
        if steps % SYNC_STEPS == 0:
            sync(target)
        progress(total - total * remaining // max(1, pages), total)
        rest(time.perf_counter() - began)
        began = time.perf_counter()

    with closing(_connect(target)) as copy:
        copy.execute("PRAGMA synchronous = OFF")  # it is brought to the disk by whole steps
        copy.execute("PRAGMA cache_size = -2048")  # and leaves the memory of this process soon
        source.backup(copy, pages=PAGES, progress=step)


def _settle(path: Path) -> None:
    """Makes it one file that needs no other beside it, and brings it to the disk."""
    with closing(_connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    sync(path)
