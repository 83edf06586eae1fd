"""Brings the database to the schema of this version. Alembic, configured in code: there is no alembic.ini."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from appliance.errors import StartupError


def migrate(engine: Engine) -> None:
    """Runs what is missing, all of it in one transaction.

    Raises:
        StartupError: the database was made by a newer version.
    """
    config = _config()
    script = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == script.get_current_head():
            return
        if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
            raise StartupError(
                f"The database has the schema of a newer version ({current}). "
                "Start that version again, or restore a backup that this one made."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def current_revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
