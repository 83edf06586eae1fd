"""The backups that are made by themselves, and what became of the last one."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, Flag
from appliance.db.write import RunNative
from appliance.errors import ApplianceError, NotFound, StorageUnavailable
from appliance.language import gettext
from appliance.services import audit
from appliance.services.backup_directory import BackupDirectory, KeptBackup, Made
from appliance.services.backup_making import STOPPED, BackupFailed, BackupMaker
from appliance.services.permission import Permission, needs

LAST_RUN = "last_backup"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BackupRun:
    """`error`: why there is no backup; empty when there is one.

    `missing_attachments`: files that were gone; `missing_for_waiting`: those among them that unsent messages need.
    """

    at: datetime
    name: str
    size: int
    seconds: float
    error: str = ""
    missing_attachments: int = 0
    missing_for_waiting: int = 0


@dataclass(frozen=True, slots=True)
class BackupProgress:
    """Of the run that is at work: its stage, and how much of that is done (both 0: that is not known)."""

    stage: str
    done: int
    total: int


class Backups:
    """`run_native` keeps the work off the event loop."""

    def __init__(
        self, database: Database, maker: BackupMaker, directory: BackupDirectory, *, run_native: RunNative, clock: Clock
    ) -> None:
        self._database = database
        self._maker = maker
        self._directory = directory
        self._run_native = run_native
        self._clock = clock
        self._at_work = False
        self._stopping = False
        self._progress = BackupProgress("", 0, 0)
        self._last: BackupRun | None = None  # also where a full disk keeps it from being written down

    def run(self) -> dict[str, Any]:
        """Makes one, removes those that are too many. Returns its name, size and seconds.

        Raises:
            BackupFailed: there is none; `last_run` has it as well.
        """
        if self._at_work:
            return {"skipped": "another run is at work"}
        self._at_work = True
        try:
            return self._run()
        finally:
            self._at_work = False

    def interrupt(self) -> None:
        """A run ends at its next step, and leaves nothing behind. From any thread."""
        self._stopping = True

    @needs(Permission.ADMINISTER)
    def ask(self) -> None:
        """Notes who asked for a run, before it is enqueued. Raises StorageUnavailable."""
        row = audit.entry("backup.run", "", {}, self._clock())
        self._database.write(lambda session: AuditEntry.note(session, row))

    def items(self) -> Sequence[KeptBackup]:
        """Newest first. Raises Unavailable."""
        try:
            return self._directory.items()
        except OSError as error:
            remedy = gettext("The backups cannot be listed: %(reason)s.", reason=error.strerror)
            raise StorageUnavailable(remedy) from error

    @property
    def progress(self) -> BackupProgress | None:
        """None: no run is at work in this process."""
        return self._progress if self._at_work else None

    @needs(Permission.ADMINISTER)
    def download(self, name: str) -> Path:
        """Where one that is kept lies, for somebody to take a copy; it holds all secrets of the box.

        Raises:
            NotFound: there is no such backup.
        """
        if name not in {one.name for one in self.items()}:
            raise NotFound("backup", name)
        row = audit.entry("backup.downloaded", name, {}, self._clock())
        self._database.write(lambda session: AuditEntry.note(session, row))
        return self._directory.path / name

    def last_run(self) -> BackupRun | None:
        if self._last is not None:
            return self._last
        with self._database.read() as session:
            flag = session.get(Flag, LAST_RUN)
        return None if flag is None else _read(flag.value)

    def _run(self) -> dict[str, Any]:
        self._progress = BackupProgress("", 0, 0)
        now, began = self._clock(), time.monotonic()
        outcome = self._run_native(lambda: self._made(now))
        seconds = round(time.monotonic() - began, 1)
        if isinstance(outcome, Made):
            return self._note_made(outcome, now, seconds)
        self._note(BackupRun(now, "", 0, seconds, str(outcome)))
        log.error("no backup was made", reason=str(outcome))
        raise BackupFailed(str(outcome)) from outcome

    def _note_made(self, made: Made, now: datetime, seconds: float) -> dict[str, Any]:
        name, size = made.path.name, made.path.stat().st_size
        missing, unsent = made.manifest.missing_attachments, made.manifest.missing_for_waiting
        self._note(BackupRun(now, name, size, seconds, missing_attachments=missing, missing_for_waiting=unsent))
        log.info("backup made", name=name, bytes=size, seconds=seconds)
        if missing:
            log.warning(
                "files of attachments are missing on the disk, and so in the backup",
                name=name,
                missing=missing,
                needed_by_unsent_messages=unsent,
            )
        return {"name": name, "size": size, "seconds": seconds}

    def _made(self, now: datetime) -> Made | Exception:
        """Runs natively. An error is carried over as a value: a thread pool would also print the one that it raises."""
        try:
            made = self._directory.make(self._maker, now, self._step)
            self._directory.prune()
        except (ApplianceError, OSError, sqlite3.Error) as error:
            return error
        return made

    def _step(self, stage: str, done: int, total: int) -> None:
        self._progress = BackupProgress(stage, done, total)
        if self._stopping:
            raise BackupFailed(STOPPED)

    def _note(self, run: BackupRun) -> None:
        self._last = run
        value = asdict(run) | {"at": run.at.isoformat()}
        with suppress(StorageUnavailable):  # it is in the log and in memory
            self._database.write(lambda session: Flag.put(session, LAST_RUN, value, now=run.at))


def _read(value: dict[str, Any]) -> BackupRun:
    """A newer version may have written more."""
    known = {one.name: value[one.name] for one in fields(BackupRun) if one.name in value}
    return BackupRun(**known | {"at": datetime.fromisoformat(value["at"])})
