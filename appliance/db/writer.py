"""The one writer of an SQLite database.

SQLite knows one writer at a time and each durable commit costs an fsync, so all writes go through one thread that runs
whatever has gathered in a single transaction and commits once for all (group commit: DeWitt et al., "Implementation
Techniques for Main Memory Database Systems", 1984, section 5.2). A database server does this itself.

Writes that fail are rare and savepoints are not cheap, so a batch first runs without them. If one of its writes raises,
the batch is rolled back and run again with a savepoint around each: the one fails alone, the others are kept.
"""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from appliance.db.write import CLOSED, RunNative, T, WriteFunction, at_fault, unavailable
from appliance.errors import StorageUnavailable
from appliance.histogram import COUNTS, Histogram

MAX_BATCH = 256
QUIET_SECONDS = 10.0  # between two lines about a database that does not commit
MAX_BATCH_SECONDS = 0.010  # of work between two commits: what one batch may hold the hub for

log = structlog.get_logger(__name__)


class BatchStatistics:
    """What the metrics page says of the writer."""

    def __init__(self) -> None:
        self.writes = 0
        self.commits = 0
        self.failed_commits = 0
        self.largest_batch = 0
        self.batches = Histogram(COUNTS)  # writes a commit

    def count(self, batch_size: int) -> None:
        self.writes += batch_size
        self.commits += 1
        self.largest_batch = max(self.largest_batch, batch_size)
        self.batches.add(batch_size)


class _Write:
    """One queued write and the place where its caller waits."""

    __slots__ = ("_context", "_done", "_fn", "error", "result")

    def __init__(self, fn: WriteFunction[Any]) -> None:
        self._fn = fn
        self._context = copy_context()
        self.result: Any = None
        self.error: BaseException | None = None
        self._done = threading.Event()

    def run(self, session: Session) -> None:
        """As if its caller did: what it refuses is said in their language, what it logs belongs to their request."""
        self.result = self._context.run(self._fn, session)

    def answer(self) -> None:
        self._done.set()

    def wait(self) -> Any:
        self._done.wait()
        if self.error is not None:
            raise self.error
        return self.result


class _BatchLost(Exception):
    """SQLite rolled the whole transaction back by itself (disk full, I/O error): nothing of the batch stands."""


class GroupCommitWriter:
    """The one writer of an SQLite database."""

    def __init__(self, engine: Engine, run_native: RunNative) -> None:
        self._engine = engine
        self._run_native = run_native
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lifecycle = threading.Lock()
        self._connection: Connection | None = None
        self._closed = False
        self.statistics = BatchStatistics()
        self.trouble = ""
        self._quiet_until = 0.0
        self._at_work = False

    def start(self) -> None:
        with self._lifecycle:
            if self._thread is None:
                self._closed = False
                self._thread = threading.Thread(target=self._serve, name="db-writer", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Finishes what is queued, then closes the connection."""
        with self._lifecycle:
            if self._thread is not None:
                self._closed = True
                self._queue.put(None)
                self._thread.join()
                self._thread = None

    def write(self, fn: WriteFunction[T]) -> T:
        """Runs `fn(session)` and returns its result once it is on disk.

        `fn` runs in another thread, but in a copy of the caller's context, as it does on a database server.

        Raises:
            whatever `fn` raises: then nothing of it is kept, and the writes beside it are untouched.
            StorageUnavailable: the transaction could not be begun or committed; nothing of it is kept. While there is
                trouble one write at a time finds out whether it is over, and the others are told at once: a lock is
                waited for for seconds, and all who wait together hold up everybody else.
        """
        if self._closed or self._thread is None:
            raise StorageUnavailable(CLOSED)
        if self.trouble and self._at_work:
            raise StorageUnavailable(self.trouble)
        write = _Write(fn)
        self._queue.put(write)
        result: T = write.wait()
        return result

    def _serve(self) -> None:
        last = False
        while not last:
            try:
                batch, last = self._next_batch()
            except BaseException as error:  # noqa: BLE001 - struck while it waits: without a writer nothing would go on
                log.critical("the writer was interrupted and goes on", error=repr(error))
                continue
            if batch:
                self._at_work = True
                try:
                    self._run_batch(batch)
                finally:
                    self._at_work = False
        self._disconnect()

    def _next_batch(self) -> tuple[list[_Write], bool]:
        """What has gathered, at least one write; and whether the writer was asked to stop."""
        batch: list[_Write] = []
        try:
            write = self._queue.get()
            while write is not None:
                batch.append(write)
                if len(batch) == MAX_BATCH:
                    return batch, False
                write = self._queue.get_nowait()
            return batch, True
        except queue.Empty:
            return batch, False

    def _run_batch(self, batch: list[_Write]) -> None:
        while batch:
            done: list[_Write] = []
            try:
                connection = self._begin()
                done, batch = self._apply(connection, batch)
                self._natively(connection.commit)
                self.statistics.count(len(done))
                self.trouble = ""
            except BaseException as error:  # noqa: BLE001 - the writer must outlive any failure; every caller is told
                done, batch = done + batch, []
                self._fail(done, error)
            for write in done:
                write.answer()

    def _begin(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        connection = self._connection
        # natively, for it waits while another process (the command line, a backup) holds the lock
        self._natively(connection.begin)
        return connection

    def _natively(self, fn: Callable[[], Any]) -> None:
        """An error is carried over as a value: a thread pool would also print the one that it raises, each time."""
        error = self._run_native(lambda: _error_of(fn))
        if error is not None:
            raise error

    def _apply(self, connection: Connection, batch: list[_Write]) -> tuple[list[_Write], list[_Write]]:
        """Runs writes until the time is up; returns those that ran and those left for the next commit."""
        with suppress(BaseException):  # whose error it is shows when each runs apart
            ran = _run_together(connection, batch)
            return batch[:ran], batch[ran:]
        self._start_over(connection)
        ran = _run_apart(connection, batch)
        return batch[:ran], batch[ran:]

    def _start_over(self, connection: Connection) -> None:
        """The transaction may have ended already: a session whose flush fails rolls it back, and so may SQLite."""
        connection.rollback()
        self._natively(connection.begin)

    def _fail(self, batch: list[_Write], error: BaseException) -> None:
        self.statistics.failed_commits += 1
        self._note_trouble(error)
        for write in batch:
            write.error = write.error or _unavailable(error)
        self._disconnect()

    def _note_trouble(self, error: BaseException) -> None:
        """Logs it once in a while: a full disk refuses every write, and may be the one that the log is on."""
        self.trouble = str(_unavailable(error))
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            log.error("the database could not commit", error=str(error.__cause__ or error))

    def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.invalidate()  # rolls back: closing is all that a broken connection still allows
                connection.close()
            except DBAPIError as error:
                log.warning("closing the database connection failed", error=str(error))


def _error_of(fn: Callable[[], Any]) -> Exception | None:
    try:
        fn()
    except Exception as error:  # noqa: BLE001 - whoever called natively raises it
        return error
    return None


def _run_together(connection: Connection, batch: list[_Write]) -> int:
    """Returns how many ran before the time was up. Raises what the first failing one raises."""
    until = time.perf_counter() + MAX_BATCH_SECONDS
    with Session(connection, join_transaction_mode="rollback_only", expire_on_commit=False) as session:
        for index, write in enumerate(batch, start=1):
            write.run(session)
            session.flush()
            session.expunge_all()  # the next one must not meet the objects of this one
            if time.perf_counter() > until:
                return index
    return len(batch)


def _run_apart(connection: Connection, batch: list[_Write]) -> int:
    until = time.perf_counter() + MAX_BATCH_SECONDS
    for index, write in enumerate(batch, start=1):
        _run_in_savepoint(connection, write)
        if time.perf_counter() > until:
            return index
    return len(batch)


def _run_in_savepoint(connection: Connection, write: _Write) -> None:
    session = Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
    try:
        with session, session.begin():
            write.run(session)
    except BaseException as error:  # noqa: BLE001 - it is handed to the caller of this write, were it SystemExit
        if not _in_transaction(connection):
            raise _BatchLost from _first_of(error)
        write.error = _unavailable(error) if at_fault(error) else error


def _first_of(error: BaseException) -> BaseException:
    """What went wrong before the attempt to roll back to a savepoint that is gone."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def _in_transaction(connection: Connection) -> bool:
    return bool(connection.connection.dbapi_connection.in_transaction)  # type: ignore[union-attr]


def _unavailable(error: BaseException) -> StorageUnavailable:
    return unavailable(error.__cause__ if isinstance(error, _BatchLost) and error.__cause__ else error)
