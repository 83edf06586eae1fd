"""Engines, with options chosen by pool class: an engine never gets an option that its pool does not take."""

import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, Pool, QueuePool, StaticPool, create_engine, event
from sqlalchemy.engine import URL, make_url

from appliance.config.settings import DatabaseSettings

BUSY_TIMEOUT_MS = 10_000
READ_CONNECTIONS = 16


def is_sqlite(url: str | URL) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def is_memory(url: str | URL) -> bool:
    parsed = make_url(url)
    return is_sqlite(parsed) and parsed.database in (None, "", ":memory:")


def pool_class_for(url: str | URL) -> type[Pool]:
    """StaticPool for SQLite in memory (its one connection is the database), QueuePool for everything else."""
    return StaticPool if is_memory(url) else QueuePool


def engine_options(url: str | URL, settings: DatabaseSettings, pool_class: type[Pool] | None = None) -> dict[str, Any]:
    """The keyword arguments for `create_engine` that fit `pool_class` (default: the one that fits the URL)."""
    pool_class = pool_class or pool_class_for(url)
    options: dict[str, Any] = {"poolclass": pool_class}
    if is_sqlite(url):
        # isolation_level None: sqlite3 itself opens no transaction, so BEGIN IMMEDIATE is ours to say
        options["connect_args"] = {
            "check_same_thread": False,
            "isolation_level": None,
            "timeout": BUSY_TIMEOUT_MS / 1000,
        }
    else:
        options["pool_pre_ping"] = pool_class is not NullPool
    if issubclass(pool_class, QueuePool):
        options |= _queue_pool_options(url, settings)
    return options


def create_database_engine(url: str, settings: DatabaseSettings, *, read_only: bool = False) -> Engine:
    """An engine for `url`. With `read_only`, an SQLite connection refuses to change anything."""
    # what a row holds is nobody's business who reads an error in the log
    engine = create_engine(url, hide_parameters=True, **engine_options(url, settings))
    if is_sqlite(url) and read_only:
        event.listen(engine, "connect", _prepare_reader)
    elif is_sqlite(url):
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _queue_pool_options(url: str | URL, settings: DatabaseSettings) -> dict[str, Any]:
    if is_sqlite(url):
        return {"pool_size": READ_CONNECTIONS, "max_overflow": -1}
    return {
        "pool_size": settings.pool_size,
        "max_overflow": settings.max_overflow,
        "pool_timeout": settings.pool_timeout,
        "pool_recycle": 1800,
    }


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")  # first: the next line may already meet a lock
    if cursor.execute("PRAGMA page_count").fetchone() == (0,):  # a new file; later only VACUUM can change it
        cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")  # what is deleted can be given back to the disk
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA journal_size_limit = 67108864")
    cursor.execute("PRAGMA cache_size = -16384")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    """Takes the write lock at once: a transaction that starts by reading could not be upgraded while another writes."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _prepare_reader(connection: sqlite3.Connection, record: object) -> None:
    _prepare_sqlite(connection, record)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -2048")
