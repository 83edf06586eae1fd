"""Builds what makes backups and puts them back, for the appliance and for the commands."""

from pathlib import Path

from gevent import monkey
from sqlalchemy import make_url

from appliance.bootstrap.native import NativeThreads
from appliance.clock import utc_now
from appliance.config.data_dir import DataDirectory
from appliance.config.settings import Settings
from appliance.db.database import Database
from appliance.db.database_file import Rest, no_rest
from appliance.db.engine import create_database_engine, is_memory, is_sqlite
from appliance.db.migrations import current_revision
from appliance.errors import StartupError
from appliance.services.backup_directory import BackupDirectory
from appliance.services.backup_making import BackupMaker, Source
from appliance.services.backups import Backups
from appliance.services.restoring import Restore, Target

POOL = NativeThreads(1)  # of its own: a backup takes a thread for minutes
RESTS = 0.5  # of the time that a step took

_native_sleep = monkey.get_original("time", "sleep")


def build_backups(settings: Settings, data_dir: DataDirectory, database: Database) -> Backups:
    server_revision = None if is_sqlite(database.url) else current_revision(database.engine)
    file = None if is_memory(database.url) else database_file(settings)
    source = Source(data_dir, file, server_revision)
    maker = BackupMaker(source, clock=utc_now, rest=_considerately)
    return Backups(database, maker, backup_directory(settings), run_native=POOL.apply, clock=utc_now)


def build_backup_maker(settings: Settings, data_dir: DataDirectory) -> BackupMaker:
    """For a command, beside a running appliance or without one. Raises StartupError."""
    file = database_file(settings)
    if file is not None and not file.exists():
        raise StartupError(f"There is nothing to back up: {file} does not exist.")
    revision = None if is_sqlite(settings.database_url) else _revision_on_server(settings)
    rest: Rest = _considerately if data_dir.running() else no_rest
    return BackupMaker(Source(data_dir, file, revision), clock=utc_now, rest=rest)


def build_restore(settings: Settings, data_dir: DataDirectory) -> Restore:
    """Raises StartupError."""
    file = database_file(settings)
    change_server = None
    if file is None:
        if _revision_on_server(settings) is None:
            raise StartupError("The database on the server is empty. Restore it first, with pg_restore, then this.")
        change_server = Database(settings.database_url, settings.database).write
    target = Target(data_dir, file, settings.backup_dir, change_server)
    return Restore(target, clock=utc_now)


def backup_directory(settings: Settings) -> BackupDirectory:
    return BackupDirectory(settings.backup_dir, keep=settings.backup.keep)


def database_file(settings: Settings) -> Path | None:
    """None: a database server has it. Raises StartupError."""
    url = make_url(settings.database_url)
    if is_memory(url):
        raise StartupError("The database is in memory, so there is nothing to back up. Unset [database] url.")
    return Path(str(url.database)).absolute() if is_sqlite(url) else None


def _revision_on_server(settings: Settings) -> str | None:
    engine = create_database_engine(settings.database_url, settings.database)
    try:
        return current_revision(engine)
    finally:
        engine.dispose()


def _considerately(worked: float) -> None:
    """Natively: in this thread there is no event loop that could do something else meanwhile."""
    _native_sleep(worked * RESTS)
