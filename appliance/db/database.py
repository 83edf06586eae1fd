"""The database as the rest of the appliance sees it: short reads, and writes that are durable when they return."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import structlog
from sqlalchemy import Engine, QueuePool
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from appliance.config.settings import DatabaseSettings
from appliance.db import deadline
from appliance.db.engine import create_database_engine, is_memory, is_sqlite
from appliance.db.write import RunNative, TransactionWriter, WriteFunction, Writer, at_fault, unavailable
from appliance.db.writer import GroupCommitWriter
from appliance.errors import QueryTooSlow, StorageDamaged
from appliance.language import gettext

log = structlog.get_logger(__name__)

T = TypeVar("T")
ReadSession = Callable[[], AbstractContextManager[Session]]


def directly(fn: Callable[[], Any]) -> Any:
    """Where there is no event loop to keep free."""
    return fn()


HURRY_SECONDS = 0.25


class Database:
    """Owns the engines and the writer. `run_native` keeps commits off the event loop (see `RunNative`)."""

    def __init__(self, url: str, settings: DatabaseSettings, run_native: RunNative = directly) -> None:
        self.url = url
        self.engine: Engine = create_database_engine(url, settings)
        self._reader = self.engine
        self.writer: Writer = TransactionWriter(self.engine)
        if is_sqlite(url) and not is_memory(url):
            self._reader = create_database_engine(url, settings, read_only=True)
            deadline.watch(self._reader)
            self.writer = GroupCommitWriter(self.engine, run_native)
        self.damage = ""
        """Why nothing more is written to the file; empty while it is whole, as far as is known."""
        self._hurried_reader = self._reader.execution_options(**{deadline.SECONDS: HURRY_SECONDS})

    def start(self) -> None:
        self.writer.start()

    def stop(self) -> None:
        self.writer.stop()
        self._reader.dispose()
        self.engine.dispose()

    def connections_active(self) -> int:
        """In use at this moment, the writer's own included."""
        pools = {id(engine.pool): engine.pool for engine in (self.engine, self._reader)}.values()
        return sum(pool.checkedout() for pool in pools if isinstance(pool, QueuePool))

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading. Keep it short, and never hold it while the network is used.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        with self._watched(), _reading(self._reader) as session:
            yield session

    @contextmanager
    def read_in_time(self) -> Iterator[Session]:
        """For what somebody outside asks: on SQLite, a statement that takes HURRY_SECONDS ends there.

        A database server has a limit of its own, `statement_timeout`, and holds nobody else up meanwhile.

        Raises:
            StorageUnavailable: the database does not answer.
            QueryTooSlow: a statement took too long.
        """
        with self._watched(), _reading(self._hurried_reader) as session:
            yield session

    def write(self, fn: WriteFunction[T]) -> T:
        """See `GroupCommitWriter.write`. Once a page was found damaged nothing is written: it would spread.

        Raises:
            StorageDamaged: the file is not what SQLite wrote.
        """
        if self.damage:
            raise StorageDamaged(self.damage)
        with self._watched():
            return self.writer.write(fn)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except StorageDamaged as error:
            if not self.damage:
                log.critical("the database file is damaged", reason=str(error))
            self.damage = str(error)
            raise


@contextmanager
def _reading(engine: Engine) -> Iterator[Session]:
    try:
        with Session(engine, expire_on_commit=False) as session:
            yield session
    except SQLAlchemyError as error:
        if not at_fault(error):
            raise
        if isinstance(error, DBAPIError) and deadline.was_exceeded(error):
            remedy = gettext("Looking for that takes too long; ask for a shorter time, or a status.")
            raise QueryTooSlow(remedy) from error
        raise unavailable(error) from error
