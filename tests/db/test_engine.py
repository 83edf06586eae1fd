import os
from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, Pool, QueuePool, StaticPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from appliance.config.settings import DatabaseSettings
from appliance.db.engine import create_database_engine, engine_options, is_memory, is_sqlite, pool_class_for

POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
SETTINGS = DatabaseSettings(pool_size=3, max_overflow=2, pool_timeout=7)


def answer_of(engine: Engine) -> object:
    try:
        with engine.connect() as connection:
            return connection.execute(text("SELECT 40 + 2")).scalar_one()
    finally:
        engine.dispose()


@pytest.fixture
def postgres_url() -> str:
    try:
        answer_of(create_engine(POSTGRES_URL, connect_args={"connect_timeout": 3}))
    except OperationalError:
        pytest.skip("no PostgreSQL answers")
    return POSTGRES_URL


@pytest.mark.parametrize("pool_class", [None, QueuePool, NullPool, StaticPool])
def test_sqlite_file_connects_through_every_pool(tmp_path: Path, pool_class: type[Pool] | None) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"

    engine = create_engine(url, **engine_options(url, SETTINGS, pool_class))

    assert isinstance(engine.pool, pool_class or QueuePool)
    assert answer_of(engine) == 42


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_sqlite_memory_has_one_connection_that_is_the_database(url: str) -> None:
    engine = create_database_engine(url, SETTINGS)

    assert isinstance(engine.pool, StaticPool)
    assert answer_of(engine) == 42


@pytest.mark.postgres
@pytest.mark.parametrize("pool_class", [None, QueuePool, NullPool, StaticPool])
def test_postgresql_connects_through_every_pool(postgres_url: str, pool_class: type[Pool] | None) -> None:
    engine = create_engine(postgres_url, **engine_options(postgres_url, SETTINGS, pool_class))

    assert isinstance(engine.pool, pool_class or QueuePool)
    assert answer_of(engine) == 42


@pytest.mark.parametrize("url", ["sqlite:///x.db", "sqlite://", "postgresql+psycopg://host/name"])
@pytest.mark.parametrize("pool_class", [NullPool, StaticPool])
def test_pool_without_a_size_is_given_none(url: str, pool_class: type[Pool]) -> None:
    options = engine_options(url, SETTINGS, pool_class)

    assert not {"pool_size", "max_overflow", "pool_timeout", "pool_recycle"} & options.keys()


def test_pool_of_a_server_is_as_large_as_the_settings_say() -> None:
    options = engine_options("postgresql+psycopg://host/name", SETTINGS)

    assert (options["pool_size"], options["max_overflow"], options["pool_timeout"]) == (3, 2, 7)


@pytest.mark.parametrize(
    ("url", "sqlite", "memory", "pool_class"),
    [
        ("sqlite:///x.db", True, False, QueuePool),
        ("sqlite+pysqlite:////abs/x.db", True, False, QueuePool),
        ("sqlite://", True, True, StaticPool),
        ("postgresql+psycopg://host/name", False, False, QueuePool),
    ],
)
def test_pool_class_follows_from_the_url(url: str, sqlite: bool, memory: bool, pool_class: type[Pool]) -> None:
    assert is_sqlite(url) is sqlite
    assert is_memory(make_url(url)) is memory
    assert pool_class_for(url) is pool_class


def test_reading_engine_cannot_change_anything(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    engine = create_database_engine(url, SETTINGS, read_only=True)

    with pytest.raises(OperationalError, match="readonly"), engine.connect() as connection:
        connection.execute(text("CREATE TABLE t (x)"))

    engine.dispose()


def test_sqlite_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    engine = create_database_engine(f"sqlite:///{tmp_path / 'x.db'}", SETTINGS)

    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
