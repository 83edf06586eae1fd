"""Makes a backup: one file that holds the database of one moment, the attachments that it needs, secrets and settings.

It works beside a running appliance as well as without one, and holds nobody up. The file appears under its name only
when it is whole, was read back, and is on the disk.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from appliance import __version__
from appliance.clock import Clock
from appliance.config.data_dir import DataDirectory
from appliance.db.database_file import DatabaseFile, Rest, no_rest
from appliance.db.models.message import UNFINISHED
from appliance.durable import sync
from appliance.errors import ApplianceError
from appliance.sentences import kept
from appliance.services.backup_archive import ATTACHMENTS, DATABASE, SECRETS, SETTINGS
from appliance.services.backup_manifest import FORMAT, Header, Manifest
from appliance.services.backup_reading import ArchiveReader
from appliance.services.backup_writing import ArchiveWriter
from appliance.services.workspace import workspace

RESERVE = 64 * 2**20
"""Bytes that stay free: the appliance needs them for mail."""


NO_ROOM = kept(
    "There is no room for a backup in %(directory)s: it takes up to %(size)s MiB, and %(free)s MiB are free. "
    "Free some space, or set [backup] directory to another disk."
)
DATABASE_DAMAGED = kept("The database is damaged: %(reason)s. Restore the last good backup.")
STOPPED = kept("The appliance was stopped while the backup was made. The next start makes it.")


class BackupFailed(ApplianceError):
    """No backup was made. One line, with the remedy in it."""


class Progress(Protocol):
    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """`stage`: "database", "archive", "check" or "unpack". Bytes. What it raises ends the work."""


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is backed up. `database` None: a database server has it; `server_revision` is the schema there."""

    data_dir: DataDirectory
    database: Path | None
    server_revision: str | None = None

    @property
    def attachments(self) -> Path:
        return self.data_dir.path / ATTACHMENTS


class BackupMaker:
    """`rest` is told how long each step took and may wait, so that others get the disk and the processor."""

    def __init__(self, source: Source, *, clock: Clock, rest: Rest = no_rest) -> None:
        self._source = source
        self._clock = clock
        self._rest = rest

    def make(self, target: Path, *, secrets: bool = True, progress: Progress = no_progress) -> Manifest:
        """Writes `target` (mode 0600); one that is there is replaced at the end, in one step.

        Raises:
            BackupFailed: there is no room, or what was written is not sound. `target` is as it was.
            BackupDamaged: what the disk gives back is not what was written to it. `target` is as it was.
            OSError, sqlite3.Error: the disk or the database is at fault. `target` is as it was.
        """
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._require_room(target.parent)
        with workspace(target.parent) as place:
            header, copy = self._copied(place, progress)
            archive = place / "archive"
            with open(archive, "xb", opener=_private) as file:
                manifest = self._write(file, header, copy, secrets, progress)
                os.fsync(file.fileno())
            self._read_back(archive, header, progress)
            archive.replace(target)
            sync(target.parent)
        return manifest

    def _require_room(self, directory: Path) -> None:
        """For the copy of the database, and an archive that could not be compressed."""
        database = DatabaseFile(self._source.database).size() if self._source.database else 0
        needed = 2 * database + _size_of(self._source.attachments) + RESERVE
        free = shutil.disk_usage(directory).free
        if free < needed:
            facts = {"size": f"{needed / 2**20:,.0f}", "free": f"{free / 2**20:,.0f}"}
            raise BackupFailed(NO_ROOM % {"directory": directory, **facts})

    def _copied(self, place: Path, progress: Progress) -> tuple[Header, DatabaseFile | None]:
        now, size, revision = self._clock(), _size_of(self._source.attachments), self._source.server_revision
        copy = None
        if self._source.database:
            copy = DatabaseFile(place / DATABASE)
            original = DatabaseFile(self._source.database)
            original.copy_to(copy.path, progress=lambda done, total: progress("database", done, total), rest=self._rest)
            if damage := copy.damage(thorough=False):
                raise BackupFailed(DATABASE_DAMAGED % {"reason": damage})
            size, revision = size + copy.path.stat().st_size, copy.revision()
        return Header(format=FORMAT, version=__version__, revision=revision, created_at=now, bytes=size), copy

    def _write(
        self, file: IO[bytes], header: Header, copy: DatabaseFile | None, secrets: bool, progress: Progress
    ) -> Manifest:
        count = Tally("archive", header.bytes, progress)
        writer = ArchiveWriter(file, header, count, self._rest)
        if copy is not None:
            writer.add(DATABASE, copy.path)
        for path in _files(self._source.data_dir.secrets) if secrets else ():
            writer.add(f"{SECRETS}/{path.name}", path)
        settings = writer.add(SETTINGS, self._source.data_dir.path / SETTINGS)
        there, missing = 0, set()
        for digest in self._attachments(copy):
            if self._add_attachment(writer, digest):
                there += 1
            else:
                missing.add(digest)
        unsent = missing.intersection(copy.attachments_of(UNFINISHED)) if copy and missing else ()
        return writer.close(
            lambda sums: Manifest(
                **header.model_dump(),
                box_id=self._box_id(),
                database="sqlite" if copy else "server",
                database_bytes=copy.path.stat().st_size if copy else 0,
                messages=copy.messages_by_status() if copy else {},
                attachments=there,
                missing_attachments=len(missing),
                missing_for_waiting=len(unsent),
                settings=settings,
                secrets=secrets,
                sums=sums,
            )
        )

    def _attachments(self, copy: DatabaseFile | None) -> Iterator[str]:
        """Those that the copy needs; where it is unknown what is needed, all."""
        if copy is not None:
            yield from copy.attachments()
            return
        for directory in _directories(self._source.attachments):
            yield from (path.name for path in _files(directory))

    def _add_attachment(self, writer: ArchiveWriter, digest: str) -> bool:
        part = f"{digest[:2]}/{digest}"
        return writer.add(f"{ATTACHMENTS}/{part}", self._source.attachments / part)

    def _read_back(self, archive: Path, header: Header, progress: Progress) -> None:
        """What the disk gives back is compared with what was written. Raises BackupDamaged."""
        count = Tally("check", header.bytes, progress)
        with archive.open("rb") as file:
            reader = ArchiveReader(file, limit=2**62, on_bytes=count, rest=self._rest)
            reader.header()
            reader.members(lambda _name: None)

    def _box_id(self) -> str:
        path = self._source.data_dir.secrets / "box_id"
        return path.read_text(encoding="utf-8").strip() if path.exists() else ""


class Tally:
    """Adds up the bytes of a stage."""

    def __init__(self, stage: str, total: int, progress: Progress) -> None:
        self.total = total
        self._stage = stage
        self._progress = progress
        self._done = 0

    def __call__(self, count: int) -> None:
        self._done += count
        self._progress(self._stage, min(self._done, self.total), self.total)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _directories(path: Path) -> list[Path]:
    return sorted(one for one in path.iterdir() if one.is_dir()) if path.is_dir() else []


def _files(directory: Path) -> list[Path]:
    """Without those that are half written."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if path.is_file() and not path.name.startswith("."))


def _size_of(attachments: Path) -> int:
    return sum(_size(path) for directory in _directories(attachments) for path in _files(directory))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it was removed a moment ago
        return 0
