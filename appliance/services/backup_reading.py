"""Reads a backup, and trusts nothing that is in it."""

import hashlib
import tarfile
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import IO

from appliance.db.database_file import Rest, no_rest
from appliance.sentences import Sentences, kept
from appliance.services import backup_manifest
from appliance.services.backup_archive import (
    ATTACHMENTS,
    BLOCK,
    CHUNK,
    HEADER,
    LARGEST_TEXT,
    MANIFEST,
    NAME,
    SECRETS,
    SETTINGS,
    SUMS,
    padding,
    sum_line,
)
from appliance.services.backup_manifest import BackupDamaged, Header, Manifest
from appliance.services.backup_stream import NO_BACKUP, Unpacked

DAMAGED = kept("The backup is damaged: %(reason)s.")
TWICE = kept("%(name)s is in it twice")
ENDLESS = kept("its end is missing")
CHANGED = kept("%(name)s is not what it was")
WRONG_SUMS = kept("the checksums do not agree with what is in it")
UNREADABLE_HEADER = kept("a header in it cannot be read")
FOREIGN = kept("it holds something that no backup does")
MISCOUNTED = kept("it does not hold as many attachments as it says")
TOO_LARGE = kept("%(name)s is too large")
CUT_OFF = kept("it ends in the middle of %(name)s")
DAMAGES = Sentences(
    *(TWICE, ENDLESS, CHANGED, WRONG_SUMS, MISCOUNTED, UNREADABLE_HEADER, FOREIGN, TOO_LARGE, CUT_OFF), any_other=True
)

Open = Callable[[str], IO[bytes] | None]
"""Gives the file that a member is written to, or None to look at it only."""


class BackupTooLarge(BackupDamaged):
    """More comes out of the archive than there is room for."""


class ArchiveReader:
    """Reads once, from the first byte to the last. Errors of the file are OSError."""

    def __init__(self, file: IO[bytes], *, limit: int, on_bytes: Callable[[int], None], rest: Rest = no_rest) -> None:
        """`limit`: of bytes that come out of it."""
        self._stream = Unpacked(file)
        self._left = limit
        self._on_bytes = on_bytes
        self._rest = rest
        self._sums = hashlib.sha256()
        self._sums_member = ""
        self._names: set[str] = set()
        self._attachments = array("Q")  # the beginnings of their digests: of a million they take 8 MB

    def header(self) -> Header:
        """To be read first. Raises BackupDamaged, BackupTooNew."""
        name, size = self._next() or ("", 0)
        if name != HEADER:
            raise BackupDamaged(NO_BACKUP)
        return backup_manifest.read(Header, self._text(name, size))

    def members(self, open_: Open) -> Manifest:
        """Everything after the header, each member compared with its checksum.

        Raises:
            BackupDamaged: it is not as it was made.
            BackupTooNew: another version has to read it.
            BackupTooLarge: more comes out of it than the limit.
        """
        while member := self._next():
            name, size = member
            if name == MANIFEST:
                return self._finish(backup_manifest.read(Manifest, self._text(name, size, noted=False)))
            if name == SUMS:
                self._sums_member = self._copy(name, size, open_)
            elif name in self._names:
                raise _damaged(TWICE, name)
            else:
                self._take(name, size, open_)
        raise _damaged(ENDLESS)

    def without_those_seen(self, digests: Iterable[str]) -> set[str]:
        """Of the attachments that are needed those that are not in it. To be asked at the end."""
        needed = {_beginning(digest): digest for digest in digests}
        for one in self._attachments:
            needed.pop(one, None)
        return set(needed.values())

    def _take(self, name: str, size: int, open_: Open) -> None:
        if not name.startswith(ATTACHMENTS):  # those are known by their names, and may be a million
            self._names.add(name)
        digest = self._copy(name, size, open_)
        if name.startswith(ATTACHMENTS):
            if digest != name.rpartition("/")[2]:
                raise _damaged(CHANGED, name)
            self._attachments.append(_beginning(digest))
        self._sums.update(sum_line(name, digest))

    def _finish(self, manifest: Manifest) -> Manifest:
        if not self._sums_member == self._sums.hexdigest() == manifest.sums:
            raise _damaged(WRONG_SUMS)
        if len(self._attachments) != manifest.attachments:
            raise _damaged(MISCOUNTED)
        while self._read(CHUNK):  # to the checksum of the stream
            pass
        return manifest

    def _next(self) -> tuple[str, int] | None:
        """Name and size of the next member. None: there is none."""
        block = self._read(BLOCK)
        if len(block) < BLOCK or not any(block):
            return None
        try:
            info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.TarError, ValueError) as error:
            raise _damaged(UNREADABLE_HEADER) from error
        if info.type != tarfile.REGTYPE or not NAME.fullmatch(info.name) or info.size < 0:
            raise _damaged(FOREIGN)
        return info.name, info.size

    def _text(self, name: str, size: int, *, noted: bool = True) -> bytes:
        if size > LARGEST_TEXT:
            raise _damaged(TOO_LARGE, name)
        text = b"".join(self._chunks(name, size))
        if noted:
            self._sums.update(sum_line(name, hashlib.sha256(text).hexdigest()))
        return text

    def _copy(self, name: str, size: int, open_: Open) -> str:
        if name.startswith((SECRETS, SETTINGS)) and size > LARGEST_TEXT:
            raise _damaged(TOO_LARGE, name)
        digest, file = hashlib.sha256(), open_(name)
        try:
            for chunk in self._chunks(name, size):
                digest.update(chunk)
                if file is not None:
                    file.write(chunk)
        finally:
            if file is not None:
                file.close()
        return digest.hexdigest()

    def _chunks(self, name: str, size: int) -> Iterator[bytes]:
        left = size
        while left:
            began = time.perf_counter()
            chunk = self._read(min(CHUNK, left))
            if not chunk:
                raise _damaged(CUT_OFF, name)
            left -= len(chunk)
            yield chunk
            self._on_bytes(len(chunk))
            self._rest(time.perf_counter() - began)
        self._read(padding(size))

    def _read(self, size: int) -> bytes:
        """Exactly as much, or less at the end."""
        parts = []
        while size and (part := self._part(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _part(self, size: int) -> bytes:
        part = self._stream.read(size)
        self._left -= len(part)
        if self._left < 0:
            raise BackupTooLarge("More comes out of the backup than there is room for. Free some space on the disk.")
        return part


def _beginning(digest: str) -> int:
    return int(digest[:16], 16)


def _damaged(what: str, name: str = "") -> BackupDamaged:
    return BackupDamaged(DAMAGED % {"reason": what % {"name": name}})
