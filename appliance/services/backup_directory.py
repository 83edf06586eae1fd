"""Where backups lie: a directory of their own, in which the newest few are kept.

Each has a file `NAME.sha256` beside it that sha256sum(1) reads. It is written after the backup was read back and
compared, so it says as well that this was done; and in a comment, what was missing then.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliance.durable import sync
from appliance.services.backup_archive import SUFFIX
from appliance.services.backup_making import BackupMaker, Progress
from appliance.services.backup_manifest import Manifest

_NAME = re.compile(rf"postroom-(\d{{8}}T\d{{6}}Z)(-\d+)?{re.escape(SUFFIX)}")
_MOMENT = "%Y%m%dT%H%M%SZ"
_MISSING = "# missing attachments: {}, of waiting messages: {}\n"
LONGEST_SUM = 1000  # characters of such a file that are looked at
_SAID_MISSING = re.compile(_MISSING.replace("{}", "([0-9]+)"))


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """`verified_at`: when it was read back and compared; None: it came here some other way.

    `missing_attachments`: files that were gone when it was made; `missing_for_waiting`: those that unsent messages
    need.
    """

    name: str
    size: int
    created_at: datetime
    verified_at: datetime | None
    missing_attachments: int = 0
    missing_for_waiting: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    path: Path
    manifest: Manifest


class BackupDirectory:
    """`path` need not be there before the first backup."""

    def __init__(self, path: Path, *, keep: int) -> None:
        self.path = path
        self._keep = keep

    def make(self, maker: BackupMaker, now: datetime, progress: Progress) -> Made:
        """Makes one under a name of its own. Raises as `BackupMaker.make`."""
        target = self.free_path(now)
        manifest = maker.make(target, progress=progress)
        self.note_verified(target, manifest)
        return Made(target, manifest)

    def free_path(self, now: datetime) -> Path:
        """The name of a backup that is made now."""
        stem, number = f"postroom-{now:{_MOMENT}}", 1
        path = self.path / f"{stem}{SUFFIX}"
        while path.exists():
            number += 1
            path = self.path / f"{stem}-{number}{SUFFIX}"
        return path

    def note_verified(self, path: Path, manifest: Manifest) -> None:
        """Writes its checksum beside it: it was read back and compared. What starts with # is none to sha256sum(1)."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        _sum_of(path).touch(mode=0o600)
        missing = _MISSING.format(manifest.missing_attachments, manifest.missing_for_waiting)
        line = f"{digest}  {path.name}\n" + (missing if manifest.missing_attachments else "")
        _sum_of(path).write_text(line, encoding="ascii")
        sync(path.parent)

    def items(self) -> Sequence[KeptBackup]:
        """Newest first. Only those with a name that `make` gives. Raises OSError."""
        paths = sorted(self._paths(), key=lambda path: (path.name[: -len(SUFFIX)], path.name), reverse=True)
        return [found for found in map(_kept, paths) if found is not None]

    def prune(self) -> int:
        """Removes all but the newest ones that are to be kept. Returns how many went."""
        old = self.items()[self._keep :]
        for one in old:
            (self.path / one.name).unlink(missing_ok=True)
            _sum_of(self.path / one.name).unlink(missing_ok=True)
        return len(old)

    def _paths(self) -> list[Path]:
        try:
            return [path for path in self.path.iterdir() if _NAME.fullmatch(path.name) and not path.is_symlink()]
        except (FileNotFoundError, NotADirectoryError):
            return []


def _kept(path: Path) -> KeptBackup | None:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    try:
        size = path.stat().st_size
        created_at = datetime.strptime(match[1], _MOMENT).replace(tzinfo=UTC)
    except (FileNotFoundError, ValueError):  # removed a moment ago, or a name that only looks like one of ours
        return None
    try:
        verified_at = datetime.fromtimestamp(_sum_of(path).stat().st_mtime, UTC)
    except FileNotFoundError:
        return KeptBackup(path.name, size, created_at, None)
    return KeptBackup(path.name, size, created_at, verified_at, *_missing_in(path))


def _missing_in(path: Path) -> Iterator[int]:
    """As its sum says. Of one that another user made, and that only that one may read, it is not known."""
    try:
        with _sum_of(path).open(encoding="ascii", errors="replace") as file:
            said = _SAID_MISSING.search(file.read(LONGEST_SUM))
    except OSError:
        return
    yield from map(int, said.groups() if said else ())


def _sum_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
