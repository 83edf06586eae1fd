"""Brings the database to the schema of this version. Alembic, configured in code: there is no alembic.ini."""

from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from appliance.db.engine import is_memory, is_sqlite
from appliance.db.migrations.safeguard import Copies, Safeguard
from appliance.errors import SchemaMismatch

__all__ = ["Copies", "configuration", "current_revision", "is_known", "migrate"]

log = structlog.get_logger(__name__)


def migrate(engine: Engine, copies: Copies | None = None) -> None:
    """Runs what is missing, all of it in one transaction.

    `copies`: where an SQLite file is copied to before its schema changes; None: it is not.

    Raises:
        SchemaMismatch: the database was made by a newer version; or a migration failed, and it is as it was.
        StartupError: there is no room for the copy.
    """
    config = configuration()
    script = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        current = _revision_to_leave(connection, script)
    head, safeguard = str(script.get_current_head()), _safeguard(engine, copies)
    if current == head:
        if safeguard is not None:
            safeguard.settle(head)
        return
    if safeguard is None or current is None:  # there is nothing to copy of an empty database
        _upgrade(engine, config, script)
    else:
        with safeguard.around(current, head):
            _upgrade(engine, config, script)
    if current is not None:
        log.info("the database has the schema of this version now", before=current, now=head)


def is_known(revision: str) -> bool:
    """Whether this version can bring a database with that schema up to date."""
    script = ScriptDirectory.from_config(configuration())
    return revision in {known.revision for known in script.walk_revisions()}


def current_revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _upgrade(engine: Engine, config: Config, script: ScriptDirectory) -> None:
    with engine.begin() as connection:
        if _revision_to_leave(connection, script) != script.get_current_head():  # else another process was faster
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _revision_to_leave(connection: Connection, script: ScriptDirectory) -> str | None:
    """That of the database as it is; None: it is empty. Raises SchemaMismatch when this version does not know it."""
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise SchemaMismatch(
            f"The database has the schema of a newer version ({current}). "
            "Start that version again, or restore a backup that this one made."
        )
    return current


def _safeguard(engine: Engine, copies: Copies | None) -> Safeguard | None:
    """None: that of a server is backed up by the tools of the server, and one in memory by nobody."""
    if copies is None or is_memory(engine.url) or not is_sqlite(engine.url):
        return None
    return Safeguard(Path(str(engine.url.database)), copies)


def configuration() -> Config:
    """For Alembic; `attributes["connection"]` is the caller's to set."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
