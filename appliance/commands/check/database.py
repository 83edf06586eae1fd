"""The database: whether it answers, with options that its pool takes, and whether its schema and its file are sound."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from appliance.commands.check.finding import Finding, ok, problem, warning
from appliance.config.masking import masked
from appliance.config.settings import Settings
from appliance.db import migrations
from appliance.db.engine import create_database_engine, engine_options, is_memory, is_sqlite

SUBJECT = "database"
OTHER_URL = "write [database] url as postgresql+psycopg://user:password@host/name, or leave it empty for SQLite"
PRIMARY_CODE = 0xFF  # https://www.sqlite.org/rescode.html: the other bits tell more of the same
CONNECT_SECONDS = "5"  # a server that does not answer is not waited for
MOST_BYTES_TO_READ = 2 * 2**30  # a larger file takes too long to look through


def check(settings: Settings) -> Iterator[Finding]:
    try:
        url = make_url(settings.database_url)
        options = engine_options(url, settings.database)
        engine = create_database_engine(_impatient(url), settings.database, read_only=is_sqlite(url))
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        yield problem(SUBJECT, f"the URL cannot be used: {_reason(error)}", OTHER_URL)
        return
    yield ok(SUBJECT, f"{url.render_as_string(hide_password=True)} through {_described(options)}")
    try:
        yield from _contents(url, engine)
    finally:
        engine.dispose()


def _contents(url: URL, engine: Engine) -> Iterator[Finding]:
    if is_memory(url):
        yield warning(SUBJECT, "is in memory: every message is lost when the process ends", "unset [database] url")
        return
    if is_sqlite(url) and not Path(url.database or "").exists():
        yield ok(SUBJECT, "is made at the first start")
        return
    try:
        yield from _schema(engine)
        if is_sqlite(url):
            yield from _integrity(engine, Path(url.database or "").stat().st_size)
    except DBAPIError as error:
        yield problem(SUBJECT, f"does not answer: {_reason(error)}", _remedy(url, error))


def _schema(engine: Engine) -> Iterator[Finding]:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    known = {revision.revision for revision in script.walk_revisions()}
    current = migrations.current_revision(engine)
    if current is None:
        yield ok(SUBJECT, "answers; its tables are made at the next start")
    elif current == script.get_current_head():
        yield ok(SUBJECT, f"answers; schema {current} is that of this version")
    elif current in known:
        yield ok(SUBJECT, f"answers; schema {current} is brought up to date at the next start")
    else:
        yield problem(
            SUBJECT,
            f"schema {current} was made by a newer version",
            "start that version, or restore a backup that this one made",
        )


def _integrity(engine: Engine, size: int) -> Iterator[Finding]:
    if size > MOST_BYTES_TO_READ:
        yield ok(SUBJECT, f"{size / 2**30:.1f} GiB, not looked through for damage")
        return
    with engine.connect() as connection:
        answer = connection.exec_driver_sql("PRAGMA quick_check(3)").scalars().all()
    if answer == ["ok"]:
        yield ok(SUBJECT, f"{size / 2**20:.1f} MiB without damage")
    else:
        yield problem(SUBJECT, f"the file is damaged: {'; '.join(answer)}", "restore a backup")


def _remedy(url: URL, error: DBAPIError) -> str:
    """A backup is put back only for what is damaged: that a file cannot be opened says nothing about what is in it."""
    if not is_sqlite(url):
        return "see that the server runs and [database] url is right"
    match getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY_CODE:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return "restore a backup"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "see which program holds it, and check again"
        case sqlite3.SQLITE_FULL:
            return "free some space"
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            directory = Path(url.database or "").absolute().parent
            return f"see that {directory} and what is in it can be written to, which SQLite needs to read as well"
    return "see to the disk, and check again"


def _impatient(url: URL) -> str:
    if url.get_backend_name() == "postgresql" and "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": CONNECT_SECONDS})
    return url.render_as_string(hide_password=False)


def _described(options: dict[str, object]) -> str:
    pool_options = ", ".join(f"{name}={value}" for name, value in options.items() if name.startswith(("pool_", "max_")))
    name = getattr(options["poolclass"], "__name__", "")
    return f"{name} ({pool_options})" if pool_options else name


def _reason(error: Exception) -> str:
    text = str(getattr(error, "orig", None) or error)
    return masked(" ".join(text.split()))
