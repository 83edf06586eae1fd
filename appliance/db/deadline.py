"""Ends a statement of an SQLite reader that takes too long: it runs on the thread that everything else shares.

SQLite asks after some thousand of its instructions whether to go on (https://sqlite.org/c3ref/progress_handler.html).
"""

import math
import sqlite3
import time
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

SECONDS = "seconds"
"""The execution option: how long one statement may take. Without it, as long as it needs."""
_INSTRUCTIONS = 10_000  # about half a millisecond
_UNTIL = "until"


def watch(engine: Engine) -> None:
    event.listen(engine, "connect", _ask_now_and_then)
    event.listen(engine, "before_cursor_execute", _begin)


def was_exceeded(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT


def _ask_now_and_then(connection: sqlite3.Connection, record: Any) -> None:
    facts = record.info
    facts[_UNTIL] = math.inf
    connection.set_progress_handler(lambda: time.monotonic() > facts[_UNTIL], _INSTRUCTIONS)


def _begin(connection: Connection, *_: Any) -> None:
    seconds = connection.get_execution_options().get(SECONDS, math.inf)
    connection.info[_UNTIL] = time.monotonic() + seconds
