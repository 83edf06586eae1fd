"""Files by the SHA-256 of their content: written whole or not at all, checked when they are read."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from appliance.errors import ApplianceError, StorageUnavailable


class AttachmentDamaged(ApplianceError):
    """The file is gone, or its content is not what was stored."""


class AttachmentFiles:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def store(self, content: bytes) -> str:
        """On disk when it returns; gives the SHA-256. Storing again only makes the file young again.

        Raises:
            StorageUnavailable: the disk is full or cannot be written to.
        """
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        try:
            if path.exists():
                os.utime(path)
            else:
                _write_whole(path, content)
        except OSError as error:
            raise StorageUnavailable(f"The attachment cannot be stored: {error.strerror}. Check disk space.") from error
        return digest

    def read(self, digest: str) -> bytes:
        """Raises AttachmentDamaged."""
        try:
            content = self._path(digest).read_bytes()
        except OSError as error:
            raise AttachmentDamaged(f"An attachment cannot be read: {error.strerror}.") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise AttachmentDamaged("The file of an attachment has changed on disk.")
        return content

    def older_than(self, moment: float) -> Iterator[str]:
        """Of files last stored before `moment` (seconds since the epoch); half-written ones are removed on the way."""
        for path in self._directory.glob("*/*"):
            if path.stat().st_mtime >= moment:
                continue
            if path.name.startswith("."):
                path.unlink(missing_ok=True)
            else:
                yield path.name

    def remove(self, digest: str, *, unless_stored_since: float) -> bool:
        """Nothing comes between the look and the removal: neither lets another greenlet run."""
        path = self._path(digest)
        try:
            if path.stat().st_mtime >= unless_stored_since:
                return False
            path.unlink()
        except FileNotFoundError:
            return False
        return True

    def _path(self, digest: str) -> Path:
        return self._directory / digest[:2] / digest


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
