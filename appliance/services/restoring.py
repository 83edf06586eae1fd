"""Puts a backup back: unpacked beside the data, verified, and only then exchanged for it.

The box that comes out of it is paused. What waits in the copy may have gone out after the backup was made, and only a
person knows whether the box that it was made of still runs.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import delete, inspect
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config import browser_settings, data_swap
from appliance.config.data_dir import LOCK_FILE, DataDirectory
from appliance.db.database_file import DatabaseFile
from appliance.db.models import AuditEntry, Flag, UserSession
from appliance.db.models.box import SENDING_PAUSED, PauseReason
from appliance.errors import ApplianceError
from appliance.services import audit
from appliance.services.backup_archive import DATABASE, SECRETS
from appliance.services.backup_making import Progress, no_progress
from appliance.services.backup_manifest import Manifest
from appliance.services.backup_verifying import KEY, unpack, verify
from appliance.services.workspace import PREFIX, workspace

ASIDE = "before-restore-"
STAY = (LOCK_FILE, browser_settings.FILE_NAME, "lost+found")
STAY_BEGINNINGS = (ASIDE, PREFIX, ".probe-")


class RestoreRefused(ApplianceError):
    """It cannot be restored here. One line, with the remedy in it."""


@dataclass(frozen=True, slots=True)
class Restored:
    """`aside`: where everything is that was there before; None: nothing was."""

    manifest: Manifest
    aside: Path | None


@dataclass(frozen=True, slots=True)
class Target:
    """`database` None: a database server has it, and `change_server` runs a change on it in one transaction.

    `backups`: where backups are kept, which stays as it is.
    """

    data_dir: DataDirectory
    database: Path | None
    backups: Path
    change_server: Callable[[Callable[[Session], object]], object] | None = None

    def stays(self, name: str) -> bool:
        kept_whole = self.backups.is_relative_to(self.data_dir.path) and self.data_dir.path != self.backups
        first = self.backups.relative_to(self.data_dir.path).parts[0] if kept_whole else ""
        return name in (*STAY, first) or name.startswith(STAY_BEGINNINGS)


class Restore:
    def __init__(self, target: Target, *, clock: Clock) -> None:
        self._target = target
        self._clock = clock

    def check(self, archive: Path, progress: Progress = no_progress) -> Manifest:
        """Reads and verifies everything, and leaves nothing behind. An appliance may run meanwhile.

        Raises:
            BackupDamaged, BackupTooNew: see their texts.
            OSError: the file cannot be read, or there is no room for the database that is in it.
        """
        home = self._target.data_dir.path
        with workspace(home if home.is_dir() else Path(tempfile.gettempdir())) as place:
            manifest = unpack(archive, place, progress, attachments=False)
            verify(place, manifest, self._key(place, manifest))
        return manifest

    def restore(self, archive: Path, progress: Progress = no_progress) -> Restored:
        """Whatever fails or dies, either what was there is there whole, or what was in the archive.

        To be called by whoever has the lock of the data directory.

        Raises:
            RestoreRefused, BackupDamaged, BackupTooNew, OSError, sqlite3.Error: everything is as it was.
        """
        home = self._target.data_dir.path
        with workspace(home) as place:
            manifest = unpack(archive, place, progress, attachments=True)
            self._require_fit(manifest)
            verify(place, manifest, self._key(place, manifest))
            self._complete(place, manifest)
            aside = self._free_name()
            data_swap.swap(home, place, aside, self._staying(archive))
        return Restored(manifest, aside if aside.exists() else None)

    def _require_fit(self, manifest: Manifest) -> None:
        database, home = self._target.database, self._target.data_dir.path
        if (manifest.database == "server") != (database is None):
            where = "a database server" if manifest.database == "server" else "a file of the backup"
            raise RestoreRefused(f"The database of this backup is in {where}; set [database] url as it was there.")
        if database is not None and database.parent != home:
            raise RestoreRefused(
                f"[database] url names {database}, which is not in the data directory {home}, so it cannot be "
                "exchanged together with the rest. Leave [database] url empty to restore."
            )

    def _complete(self, place: Path, manifest: Manifest) -> None:
        """What is not in the archive, the pause, and the owner; then to the disk."""
        if not manifest.secrets:
            self._take_secrets(place / SECRETS)
        now = self._clock()
        about = {"backup_made_at": manifest.created_at.isoformat(), "by_version": manifest.version}
        row = audit.entry("box.restored", manifest.box_id or "", about, now)
        pause = partial(_pause, now=now, backup_at=manifest.created_at, row=row)
        if self._target.database is not None:
            DatabaseFile(place / DATABASE).change(pause)
            (place / DATABASE).rename(place / self._target.database.name)
        elif self._target.change_server is not None:
            self._target.change_server(pause)
        _give_to_owner_of(self._target.data_dir.path, place)
        os.sync()

    def _take_secrets(self, place: Path) -> None:
        place.mkdir(mode=0o700)
        for path in self._target.data_dir.secrets.iterdir():
            if path.is_file() and not path.name.startswith("."):
                (place / path.name).touch(mode=0o600)
                (place / path.name).write_bytes(path.read_bytes())

    def _key(self, place: Path, manifest: Manifest) -> Path:
        return (place / SECRETS if manifest.secrets else self._target.data_dir.secrets) / KEY

    def _free_name(self) -> Path:
        home, name = self._target.data_dir.path, f"{ASIDE}{self._clock():%Y%m%dT%H%M%SZ}"
        taken = sum(path.name.startswith(name) for path in home.iterdir())
        return home / (f"{name}-{taken + 1}" if taken else name)

    def _staying(self, archive: Path) -> list[str]:
        home = self._target.data_dir.path
        return [
            path.name
            for path in home.iterdir()
            if self._target.stays(path.name) or path.absolute() == archive.absolute()
        ]


def _pause(session: Session, *, now: datetime, backup_at: datetime, row: Mapping[str, Any]) -> None:
    value = {"reason": PauseReason.RESTORED, "backup_at": backup_at.isoformat()}
    Flag.put(session, SENDING_PAUSED, value, now=now)
    there = inspect(session.connection())  # backups of the first versions have less
    if there.has_table(AuditEntry.__tablename__):
        AuditEntry.note(session, row)
    if there.has_table(UserSession.__tablename__):
        session.execute(delete(UserSession))  # one that was ended since the backup must not come to life again


def _give_to_owner_of(home: Path, place: Path) -> None:
    """Root restores for the user that the appliance runs as."""
    owner = home.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for directory, _, names in os.walk(place):
        for path in (directory, *(os.path.join(directory, name) for name in names)):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
