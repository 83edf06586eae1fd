"""The database as the rest of the appliance sees it: short reads, and writes that are durable when they return."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from appliance.config.settings import DatabaseSettings
from appliance.db.engine import create_database_engine, is_memory, is_sqlite
from appliance.db.write import (
    STORAGE_TROUBLES,
    RunNative,
    TransactionWriter,
    WriteFunction,
    Writer,
    unavailable,
)
from appliance.db.writer import GroupCommitWriter

T = TypeVar("T")
ReadSession = Callable[[], AbstractContextManager[Session]]


def directly(fn: Callable[[], Any]) -> Any:
    """Where there is no event loop to keep free."""
    return fn()


class Database:
    """Owns the engines and the writer. `run_native` keeps commits off the event loop (see `RunNative`)."""

    def __init__(self, url: str, settings: DatabaseSettings, run_native: RunNative = directly) -> None:
        self.url = url
        self.engine: Engine = create_database_engine(url, settings)
        self._reader = self.engine
        self.writer: Writer = TransactionWriter(self.engine)
        if is_sqlite(url) and not is_memory(url):
            self._reader = create_database_engine(url, settings, read_only=True)
            self.writer = GroupCommitWriter(self.engine, run_native)

    def start(self) -> None:
        self.writer.start()

    def stop(self) -> None:
        self.writer.stop()
        self._reader.dispose()
        self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading. Keep it short, and never hold it while the network is used.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        try:
            with Session(self._reader, expire_on_commit=False) as session:
                yield session
        except STORAGE_TROUBLES as error:
            raise unavailable(error) from error

    def write(self, fn: WriteFunction[T]) -> T:
        """See `GroupCommitWriter.write`."""
        return self.writer.write(fn)
