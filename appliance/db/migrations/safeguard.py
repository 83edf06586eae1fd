"""A copy of the database from before a migration, which brings it back when the migration fails.

A migration is one transaction, so one that fails should leave nothing behind. This is for the one that does not keep to
it, and for whoever wants to go back to the version before.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import structlog

from appliance.db.database_file import DatabaseFile
from appliance.errors import StartupError

KEPT = 3
RESERVE = 64 * 2**20

log = structlog.get_logger(__name__)


class Safeguard:
    def __init__(self, database: Path, directory: Path) -> None:
        self._database = database
        self._directory = directory

    @contextmanager
    def around(self, current: str, head: str) -> Iterator[None]:
        """Copies the database to `before-<head>.db`, lets the migration run, and takes the copy back if it raises.

        Raises:
            StartupError: there is no room, or the migration failed; the database is as it was.
        """
        copy = self._directory / f"before-{head}.db"
        self._copy(copy)
        with closing(sqlite3.connect(self._database)) as watch:
            before = _commits(watch)
            try:
                yield
            except Exception as error:
                if _commits(watch) != before:
                    DatabaseFile(self._database).overwrite_with(copy)
                raise StartupError(
                    f"The database could not be brought from schema {current} to {head}: {_line(error)}. It is as it "
                    "was before; start the version that it comes from, and report this."
                ) from error
        self._prune(copy)

    def _copy(self, target: Path) -> None:
        self._require_room()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = target.with_name(f".{target.name}.part")
        half.unlink(missing_ok=True)
        log.info("the database is copied before its schema changes", to=str(target))
        DatabaseFile(self._database).copy_to(half, progress=lambda _done, _total: None)
        half.replace(target)

    def _require_room(self) -> None:
        """For the copy, the write-ahead log of a migration that rewrites everything, and what that grows into."""
        needed = 3 * DatabaseFile(self._database).size() + RESERVE
        free = shutil.disk_usage(self._database.parent).free
        if free < needed:
            raise StartupError(
                f"The schema of the database has to change, for which {needed / 2**20:,.0f} MiB are needed in "
                f"{self._database.parent}, and {free / 2**20:,.0f} MiB are free. Free some space and start again; "
                "nothing was changed."
            )

    def _prune(self, newest: Path) -> None:
        others = (path for path in self._directory.glob("before-*.db") if path != newest)
        for path in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT - 1 :]:
            path.unlink(missing_ok=True)


def _commits(watch: sqlite3.Connection) -> int:
    """Changes whenever another connection has committed something."""
    return int(watch.execute("PRAGMA data_version").fetchone()[0])


def _line(error: Exception) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split()).rstrip(".")
