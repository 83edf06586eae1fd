"""How much room the database takes, and how it gives back what it no longer needs.

An SQLite file keeps the pages of what was deleted for what comes next. A file that was made with
`auto_vacuum = INCREMENTAL` gives them back a few at a time; another one only by VACUUM, which writes it all anew.
PostgreSQL looks after itself: autovacuum makes the room usable again, and the files rarely get smaller.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import make_url, text

from appliance.db.database import Database
from appliance.db.engine import is_memory, is_sqlite
from appliance.db.write import RunNative

INCREMENTAL = 2
CHECKPOINT_BUSY_MS = 200  # it keeps writers out while it waits for readers: then rather another time


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes. `free` is room inside that new mail will fill, and None where that is not known.

    `shrinks`: whether the free room can be given back step by step.
    """

    size: int
    free: int | None
    shrinks: bool


class DatabaseSpace:
    """`run_native` keeps the work off the event loop: it has a connection of its own and shares nothing.

    It waits `busy_seconds` for another process that holds the file.
    """

    def __init__(self, database: Database, run_native: RunNative, busy_seconds: float = 5.0) -> None:
        self._database = database
        self._run_native = run_native
        self._busy_seconds = busy_seconds
        self.file = _file_of(database.url)
        """None: a database server, or a database in memory."""

    def usage(self) -> Usage:
        """Raises StorageUnavailable."""
        with self._database.read() as session:
            if not is_sqlite(self._database.url):
                size = session.scalar(text("SELECT pg_database_size(current_database())"))
                return Usage(int(size or 0), None, False)
            facts = ("page_size", "page_count", "freelist_count", "auto_vacuum")
            page, pages, free, mode = (int(session.scalar(text(f"PRAGMA {name}")) or 0) for name in facts)
        return Usage(page * pages, page * free, self.file is not None and mode == INCREMENTAL)

    def give_back(self, pages: int) -> None:
        """Cuts up to `pages` free pages off the file: other writes wait for that long. Nothing where it cannot shrink.

        Raises:
            sqlite3.Error: the file is locked by somebody else, or broken.
        """
        self._natively(lambda connection: connection.executescript(f"PRAGMA incremental_vacuum({pages:d})"))

    def empty_log(self) -> None:
        """Brings the write-ahead log into the file and cuts it to nothing, unless somebody reads it just now.

        Raises:
            sqlite3.Error: as `give_back`.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            connection.execute(f"PRAGMA busy_timeout = {CHECKPOINT_BUSY_MS}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        self._natively(work)

    def rewrite(self) -> None:
        """Writes the whole file anew (VACUUM), so that from then on it can shrink. Everybody else waits meanwhile.

        Raises:
            sqlite3.Error: as `give_back`, or there is no room for a second copy. The file is as it was.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        self._natively(work)

    def _natively(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """An error is carried over as a value: a thread pool would also print the one that it raises."""
        if self.file is None:
            return
        error: sqlite3.Error | None = self._run_native(partial(_error_of, self.file, self._busy_seconds, work))
        if error is not None:
            raise error


def _error_of(file: Path, busy_seconds: float, work: Callable[[sqlite3.Connection], object]) -> sqlite3.Error | None:
    try:
        with closing(sqlite3.connect(file, timeout=busy_seconds, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            work(connection)
    except sqlite3.Error as error:
        return error
    return None


def _file_of(url: str) -> Path | None:
    """None for a database server, and for a database in memory."""
    name = make_url(url).database
    return Path(name) if is_sqlite(url) and not is_memory(url) and name else None
