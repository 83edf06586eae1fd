"""A copy of the database from before a migration, which brings it back when the migration fails.

A migration is one transaction, so one that fails should leave nothing behind. This is for the one that does not keep to
it, and for whoever wants to go back to the version before. While the migration runs, `.before-HEAD.db` is the database
to the letter. Afterwards it becomes `before-HEAD.db`, and is paused: the new version sends what waits in it.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from appliance.db.database_file import DatabaseFile
from appliance.durable import sync
from appliance.errors import SchemaMismatch, StartupError

KEPT = 3
RESERVE = 64 * 2**20
WITHOUT_PAUSE = frozenset({"0001_first_schema", "0002_templates"})
"""Schemas whose versions do not look whether they are paused."""
_PASSING = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_CANTOPEN,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Copies:
    """Where copies go, and what makes one send nothing until a person says so."""

    directory: Path
    pause: Callable[[Session], object]


class Safeguard:
    def __init__(self, database: Path, copies: Copies) -> None:
        self._database = database
        self._directory = copies.directory
        self._pause = copies.pause

    @contextmanager
    def around(self, current: str, head: str) -> Iterator[None]:
        """Copies the database, lets the migration run, and takes the copy back if it raises.

        Raises:
            StartupError: there is no room, or something failed that may be better later. The database is as it was,
                unless the error says where the copy of it is.
            SchemaMismatch: the migration failed, as it would again; the database is as it was.
        """
        exact = self._exact(head)
        self._keep_unfinished(exact, head)
        self._copy(exact)
        with closing(sqlite3.connect(self._database)) as watch:
            before = _commits(watch)
            try:
                yield
            except Exception as error:
                if _commits(watch) != before:
                    self._undo(exact, error)
                exact.unlink()  # the database is the same
                failed = f"The database could not be brought from schema {current} to {head}: {_line(error)}. "
                if _may_pass(error):
                    raise StartupError(f"{failed}It is as it was before; the next start tries again.") from error
                raise SchemaMismatch(
                    f"{failed}It is as it was before; start the version that it comes from, and report this."
                ) from error
        self.settle(head)

    def settle(self, head: str) -> None:
        """Pauses the copy and gives it its name; also what a process left that died just after the migration.

        Harmless when there is none. One that cannot be paused now waits for the next start.
        """
        exact, copy = self._exact(head), self._directory / f"before-{head}.db"
        if not exact.exists():
            return
        try:
            DatabaseFile(exact).change(self._pause)
            sync(exact)
            exact.replace(copy)
            sync(self._directory)
        except (OSError, SQLAlchemyError) as error:
            log.warning("the copy from before could not be paused; the next start tries again", error=_line(error))
            return
        self._tell(copy)
        self._prune(copy)

    def _undo(self, exact: Path, error: Exception) -> None:
        try:
            DatabaseFile(self._database).overwrite_with(exact)
        except (OSError, sqlite3.Error) as trouble:
            raise StartupError(
                f"The schema of the database could not be changed ({_line(error)}), and it could not be put back "
                f"({_line(trouble)}). As it was before, it is in {exact}: make room, and copy it over {self._database}."
            ) from error

    def _keep_unfinished(self, exact: Path, head: str) -> None:
        """A copy that is still there is of a migration that was not undone: the database may be worth less than it."""
        if not exact.exists():
            return
        taken = len(list(self._directory.glob(f"unfinished-{head}*.db")))
        kept = self._directory / f"unfinished-{head}{f'-{taken + 1}' if taken else ''}.db"
        exact.rename(kept)
        log.warning("a copy from before an earlier attempt is kept", copy=str(kept))

    def _exact(self, head: str) -> Path:
        return self._directory / f".before-{head}.db"

    def _copy(self, target: Path) -> None:
        self._require_room()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = target.with_name(f"{target.name}.part")
        half.unlink(missing_ok=True)
        log.info("the database is copied before its schema changes", to=str(self._directory))
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

    def _tell(self, copy: Path) -> None:
        revision = DatabaseFile(copy).revision()
        if revision in WITHOUT_PAUSE:
            log.warning("the version before does not know that the copy is paused: it would send what waits in it")
        log.info("the copy from before is kept, and starts paused", copy=str(copy), schema=revision)

    def _prune(self, newest: Path) -> None:
        others = (path for path in self._directory.glob("before-*.db") if path != newest)
        old = sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT - 1 :]
        for path in (*old, *self._directory.glob(".before-*.db*")):
            path.unlink(missing_ok=True)


def _may_pass(error: Exception) -> bool:
    """Whether it may go well later, as on a disk that is full."""
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    return isinstance(error, OSError) or (code is not None and code & 0xFF in _PASSING)  # the rest says more of it


def _commits(watch: sqlite3.Connection) -> int:
    """Changes whenever another connection has committed something."""
    return int(watch.execute("PRAGMA data_version").fetchone()[0])


def _line(error: Exception) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split()).rstrip(".")
