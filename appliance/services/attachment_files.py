"""Files by the SHA-256 of their content: written whole or not at all, checked when they are read."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.durable import sync
from appliance.errors import ApplianceError, StorageUnavailable
from appliance.sentences import kept

ASIDE = ".aside"
UNREADABLE = kept("An attachment cannot be read: %(reason)s.")
CHANGED_ON_DISK = kept("The file of an attachment has changed on disk.")
CANNOT_STORE = kept("The attachment cannot be stored: %(reason)s. Check disk space.")


class AttachmentDamaged(ApplianceError):
    """The file is gone, or its content is not what was stored."""


Mark = tuple[int, int]
"""Tells a file from another one with the same content, and from itself once it was made young."""


@dataclass(frozen=True, slots=True)
class Kept:
    """`mark`: of the file that was written; None: it was there already."""

    digest: str
    mark: Mark | None


class AttachmentFiles:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def store(self, content: bytes) -> str:
        """On disk when it returns; gives the SHA-256. Storing again only makes the file young again.

        Raises:
            StorageUnavailable: the disk is full or cannot be written to.
        """
        return self.keep(content).digest

    def keep(self, content: bytes) -> Kept:
        """As `store`, with what it takes to take it back."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        try:
            kept = Kept(digest, None if _made_young(path) else _written(path, content))
            for directory in (path.parent, self._directory, self._directory.parent):
                sync(directory)  # a name is in its directory after a power cut only if that was synced, new or not
            return kept
        except OSError as error:
            raise StorageUnavailable(CANNOT_STORE % {"reason": error.strerror}) from error

    def take_back(self, kept: Kept) -> bool:
        """Removes a file that was not there before, unless somebody has stored or named it since."""
        return self._removed_if(kept.digest, lambda found: (found.st_ino, found.st_mtime_ns) == kept.mark)

    def touch(self, digest: str) -> bool:
        """Makes a file young, so that it is there for a message that is just being stored. False: it is gone."""
        return _made_young(self._path(digest))

    def ready(self) -> bool:
        """Whether there is a place for files at all."""
        return self._directory.is_dir()

    def exists(self, digest: str) -> bool:
        return self._path(digest).exists()

    def read(self, digest: str) -> bytes:
        """Raises AttachmentDamaged."""
        try:
            content = self._path(digest).read_bytes()
        except OSError as error:
            raise AttachmentDamaged(UNREADABLE % {"reason": error.strerror}) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise AttachmentDamaged(CHANGED_ON_DISK)
        return content

    def older_than(self, moment: float) -> Iterator[str]:
        """Of files last stored before `moment` (seconds since the epoch).

        What a crash left is put right on the way: half-written files go, and what was moved aside comes back.
        """
        for path in list(self._directory.glob("*/*")):
            if _stored_since(path, moment):
                continue
            if not path.name.startswith("."):
                yield path.name
            elif path.suffix == ASIDE and not self._path(path.stem[1:]).exists():
                path.rename(self._path(path.stem[1:]))
                yield path.stem[1:]
            else:
                path.unlink(missing_ok=True)

    def remove(self, digest: str, *, unless_stored_since: float) -> bool:
        return self._removed_if(digest, lambda found: found.st_mtime < unless_stored_since)

    def _removed_if(self, digest: str, may_go: Callable[[os.stat_result], bool]) -> bool:
        """Moves the file aside and looks again: a store at the same moment made it young before, or writes it anew."""
        path = self._path(digest)
        aside = path.with_name(f".{digest}{ASIDE}")
        try:
            if not may_go(path.stat()):
                return False
            path.rename(aside)
            if not may_go(aside.stat()):
                aside.rename(path)
                return False
            aside.unlink()
        except FileNotFoundError:
            return False
        return True

    def _path(self, digest: str) -> Path:
        return self._directory / digest[:2] / digest


def _stored_since(path: Path, moment: float) -> bool:
    try:
        return path.stat().st_mtime >= moment
    except FileNotFoundError:
        return False


def _made_young(path: Path) -> bool:
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _written(path: Path, content: bytes) -> Mark | None:
    """Whole or not at all. None: somebody else was faster with the same content."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        written = os.fstat(file.fileno())
        while not _linked(Path(file.name), path):
            if _made_young(path):
                return None
    return written.st_ino, written.st_mtime_ns


def _linked(file: Path, path: Path) -> bool:
    """Never over another file: that may be somebody's, who would lose it when this one is taken back."""
    try:
        path.hardlink_to(file)
    except FileExistsError:
        return False
    return True
