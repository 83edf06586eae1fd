"""The way in which anything is changed: `write(fn)` runs a pure database function and returns once it is durable."""

import sqlite3
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import Session

from appliance.errors import StorageDamaged, StorageUnavailable
from appliance.program import PROGRAM
from appliance.sentences import kept

T = TypeVar("T")
WriteFunction = Callable[[Session], T]
"""Touches the session it is given and nothing else: no network, no clock, no other session. It may run in a transaction
that is rolled back, and then once more, so an effect outside the database would outlive it; and the objects that it
adds are made inside it, because a session remembers what became of those it has seen."""

RunNative = Callable[[Callable[[], Any]], Any]
"""Runs a function where it does not block the caller's event loop, and returns its result."""

DAMAGED = kept(
    "The database file is damaged: %(reason)s. So that nothing is lost, nothing more is accepted or sent. "
    "Stop the appliance and put back a backup: %(program)s restore."
)
NO_PROPER_ANSWER = kept(
    "The database does not answer as it should: %(reason)s. Check disk space, permissions and locks."
)
CLOSED = kept("The database is closed: the appliance is stopping.")

STORAGE_TROUBLES = (OperationalError, InterfaceError, NoConnectionFree)
"""What says that the database, not the write, is at fault: it refuses, the connection is gone, none is free."""


class Writer(Protocol):
    trouble: str
    """Why the last write could not be made durable; empty when it was."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def write(self, fn: WriteFunction[T]) -> T: ...


class TransactionWriter:
    """One ordinary transaction a write, for a database server with a connection pool."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.trouble = ""

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def write(self, fn: WriteFunction[T]) -> T:
        """Raises whatever `fn` raises, and StorageUnavailable when the server cannot commit."""
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                result = fn(session)
        except STORAGE_TROUBLES as error:
            self.trouble = str(unavailable(error))
            raise unavailable(error) from error
        self.trouble = ""
        return result


def at_fault(error: BaseException) -> bool:
    """Whether the database is, and not what was written or asked."""
    return isinstance(error, STORAGE_TROUBLES) or _is_damage(error)


def unavailable(error: BaseException) -> StorageUnavailable:
    """What callers are told when the database is at fault."""
    text = str(getattr(error, "orig", None) or error)
    if _is_damage(error):
        return StorageDamaged(DAMAGED % {"reason": text, "program": PROGRAM})
    return StorageUnavailable(NO_PROPER_ANSWER % {"reason": text})


def _is_damage(error: BaseException) -> bool:
    """The lower byte of a result code is what it is about (https://sqlite.org/rescode.html, section 2)."""
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
