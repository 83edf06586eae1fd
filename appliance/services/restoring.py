"""Puts a backup back: unpacked beside the data, verified, and only then exchanged for it.

The box that comes out of it is paused (copy_pause.py).
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config import data_swap
from appliance.config.data_dir import LOCK_FILE, DataDirectory
from appliance.db.database_file import DatabaseFile
from appliance.errors import ApplianceError
from appliance.services import audit, copy_pause
from appliance.services.backup_archive import DATABASE, SECRETS, SETTINGS
from appliance.services.backup_making import Progress, no_progress
from appliance.services.backup_manifest import Manifest
from appliance.services.backup_verifying import KEY, unpack, verify
from appliance.services.workspace import PREFIX, workspace

ASIDE = "before-restore-"
STAY = (LOCK_FILE, "lost+found")
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
        writable = home.is_dir() and os.access(home, os.W_OK | os.X_OK)
        with workspace(home if writable else Path(tempfile.gettempdir())) as place:
            unpacked = unpack(archive, place, progress, attachments=False)
            return verify(place, unpacked, self._key(place, unpacked.manifest))

    def restore(self, archive: Path, progress: Progress = no_progress) -> Restored:
        """Whatever fails or dies, either what was there is there whole, or what was in the archive.

        To be called by whoever has the lock of the data directory.

        Raises:
            RestoreRefused, BackupDamaged, BackupTooNew, OSError, sqlite3.Error: everything is as it was.
        """
        home = self._target.data_dir.path
        with workspace(home) as place:
            unpacked = unpack(archive, place, progress, attachments=True)
            self._require_fit(unpacked.manifest)
            manifest = verify(place, unpacked, self._key(place, unpacked.manifest))
            self._complete(place, manifest)
            aside = self._free_name()
            data_swap.swap(home, place, aside, self._staying(archive, place))
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
        pause = partial(copy_pause.pause, now=now, made_at=manifest.created_at, row=row)
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

    def _staying(self, archive: Path, place: Path) -> list[str]:
        """What was chosen in the browser stays where the backup has no other choice: nobody's choice is lost."""
        home = self._target.data_dir.path
        staying = [
            path.name
            for path in home.iterdir()
            if self._target.stays(path.name) or path.absolute() == archive.absolute()
        ]
        return staying if (place / SETTINGS).exists() else [*staying, SETTINGS]


def _give_to_owner_of(home: Path, place: Path) -> None:
    """Root restores for the user that the appliance runs as."""
    owner = home.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for directory, _, names in os.walk(place):
        for path in (directory, *(os.path.join(directory, name) for name in names)):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
