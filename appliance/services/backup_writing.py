"""Writes a backup, member by member."""

import hashlib
import os
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import zstandard

from appliance.db.database_file import Rest, no_rest
from appliance.services import backup_manifest
from appliance.services.backup_archive import CHUNK, END, HEADER, LEVEL, MANIFEST, SUMS, padding, sum_line
from appliance.services.backup_manifest import Header, Manifest

SYNC_BYTES = 16 * CHUNK


class ArchiveWriter:
    """Begin with the header, end with `close`. `on_bytes` is told how many have gone in; what it raises ends it."""

    def __init__(self, file: IO[bytes], header: Header, on_bytes: Callable[[int], None], rest: Rest = no_rest) -> None:
        self._file = file
        self._unsynced = 0
        self._stream = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).stream_writer(file, closefd=False)
        self._on_bytes = on_bytes
        self._rest = rest
        self._sums = tempfile.TemporaryFile(dir=Path(file.name).parent)  # noqa: SIM115 - until `close`
        self._sum_of_sums = hashlib.sha256()
        self._time = int(header.created_at.timestamp())
        self._add_text(HEADER, backup_manifest.written(header))

    def add(self, name: str, path: Path) -> bool:
        """False: the file is not there any more, and was left out. Raises OSError."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return False
        with file:
            size = os.fstat(file.fileno()).st_size  # of the one that is open: another may have taken its name
            self._begin(name, size)
            self._note(name, self._copy(file, size))
            self._pad(size)
        return True

    def close(self, manifest: Callable[[str], Manifest]) -> Manifest:
        """`manifest` makes it with the SHA-256 of the sums. Returns it."""
        size = self._sums.tell()
        self._sums.seek(0)
        with self._sums:
            self._begin(SUMS, size)
            self._copy(self._sums, size)
            self._pad(size)
        made = manifest(self._sum_of_sums.hexdigest())
        self._add_text(MANIFEST, backup_manifest.written(made), noted=False)
        self._stream.write(END)
        self._stream.close()  # type: ignore[no-untyped-call]
        return made

    def _add_text(self, name: str, text: bytes, *, noted: bool = True) -> None:
        self._begin(name, len(text))
        self._stream.write(text)
        self._pad(len(text))
        if noted:
            self._note(name, hashlib.sha256(text).hexdigest())

    def _begin(self, name: str, size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, self._time
        self._stream.write(info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict"))

    def _copy(self, file: IO[bytes], size: int) -> str:
        """Exactly `size` bytes. Raises OSError when the file was cut meanwhile."""
        digest = hashlib.sha256()
        while size:
            began = time.perf_counter()
            chunk = file.read(min(CHUNK, size))
            if not chunk:
                raise OSError(f"{file.name} was cut while it was read")
            digest.update(chunk)
            self._stream.write(chunk)
            size -= len(chunk)
            self._sync_now_and_then(len(chunk))
            self._on_bytes(len(chunk))
            self._rest(time.perf_counter() - began)
        return digest.hexdigest()

    def _sync_now_and_then(self, count: int) -> None:
        """A flood of written pages would make every commit beside it wait."""
        self._unsynced += count
        if self._unsynced >= SYNC_BYTES:
            self._unsynced = 0
            self._file.flush()
            os.fsync(self._file.fileno())

    def _pad(self, size: int) -> None:
        self._stream.write(bytes(padding(size)))

    def _note(self, name: str, digest: str) -> None:
        line = sum_line(name, digest)
        self._sum_of_sums.update(line)
        self._sums.write(line)
