"""Fixtures that every test may ask for. The process is patched as the appliance is, so greenlets meet real sockets."""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import shutil  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402
import structlog  # noqa: E402
from gevent.threadpool import ThreadPool  # noqa: E402
from sqlalchemy import create_engine, make_url  # noqa: E402

from appliance.config.settings import ApplianceSettings, DatabaseSettings, Settings  # noqa: E402
from appliance.db import database as database_module  # noqa: E402
from appliance.db.database import Database  # noqa: E402
from appliance.db.engine import create_database_engine  # noqa: E402
from appliance.db.migrations import migrate  # noqa: E402
from appliance.db.queries import message_search  # noqa: E402
from appliance.db.types import new_id  # noqa: E402
from tests.fakes import FakeClock  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
OF_A_LANGUAGE = "ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"


@pytest.fixture(scope="session", autouse=True)
def loggers_follow_their_configuration() -> Iterator[None]:
    """A logger that was cached under one test's configuration would escape the `capture_logs` of all later ones."""
    configure = structlog.configure

    def uncached(**given: Any) -> None:
        configure(**given | {"cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", uncached)
        yield


@pytest.fixture(autouse=True)
def time_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine would end a look early, and a test would find less than there is."""
    monkeypatch.setattr(database_module, "HURRY_SECONDS", 5.0)
    monkeypatch.setattr(message_search, "LONGEST_SECONDS", 5.0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults, with a data directory of the test's own."""
    return Settings(base_dir=tmp_path, appliance=ApplianceSettings(data_dir=tmp_path / "var"))


@pytest.fixture
def eventually() -> Callable[..., None]:
    """`wait_until`, for tests that read better with it as a fixture."""
    return wait_until


@pytest.fixture
def clock() -> FakeClock:
    """Shows noon of 10 March 2026 UTC until it is turned."""
    return FakeClock()


@pytest.fixture(scope="session")
def native() -> ThreadPool:
    """One native thread, as the appliance has it for commits."""
    return ThreadPool(1)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database at the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    engine = create_database_engine(f"sqlite:///{path}", DatabaseSettings())
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def database_file(tmp_path: Path, migrated_file: Path) -> Path:
    return Path(shutil.copy(migrated_file, tmp_path / "postroom.db"))


@pytest.fixture
def database(database_file: Path, native: ThreadPool) -> Iterator[Database]:
    """A migrated SQLite file of the test's own, started."""
    database = Database(f"sqlite:///{database_file}", DatabaseSettings(), native.apply)
    database.start()
    yield database
    database.stop()


@contextmanager
def made_on_server(template: str) -> Iterator[str]:
    """The URL of a new PostgreSQL database; it is dropped afterwards."""
    name = f"postroom_{new_id('test')}"
    server = create_engine(POSTGRES_URL, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield make_url(POSTGRES_URL).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL database of the test's own.

    Its collation is a language's, as most servers' are, not the bytes' order that SQLite has.
    """
    with made_on_server(f"template0 {OF_A_LANGUAGE}") as url:
        yield url


@pytest.fixture(scope="session")
def migrated_on_server() -> Iterator[str]:
    """The name of an empty PostgreSQL database at the newest schema, to be copied."""
    with made_on_server(f"template0 {OF_A_LANGUAGE}") as url:
        engine = create_database_engine(url, DatabaseSettings())
        migrate(engine)
        engine.dispose()  # a database that somebody is connected to cannot be copied
        yield str(make_url(url).database)


@pytest.fixture
def postgres_database(migrated_on_server: str) -> Iterator[Database]:
    """A migrated PostgreSQL database of the test's own, started."""
    with made_on_server(migrated_on_server) as url:
        database = Database(url, DatabaseSettings(pool_size=10, max_overflow=40))
        database.start()
        yield database
        database.stop()
