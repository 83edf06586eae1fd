"""What comes out of a compressed file, as far as it is what was put in."""

from typing import IO

import zstandard

from appliance.services.backup_archive import LARGEST_WINDOW
from appliance.services.backup_manifest import BackupDamaged

MAGIC = b"\x28\xb5\x2f\xfd"  # of a zstd frame (RFC 8878 section 3.1.1)
NO_BACKUP = "The file is no backup that Postroom has made."
STEP = 512  # bytes that go in at a time: at the very worst (RFC 8878 section 3.1.1.2.2) they make 16 MiB


class Unpacked:
    """One frame, read to its checksum.

    A frame that is cut off is an end like any other to the reader that the library has for files, and its checksum is
    never compared then; fed by hand it says whether it came to its end.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).decompressobj()
        self._ready = memoryview(b"")
        self._begun = False

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end. Raises BackupDamaged, OSError."""
        while not self._ready and not self._frame.eof:
            self._unpack()
        part, self._ready = self._ready[:size], self._ready[size:]
        return bytes(part)

    def _unpack(self) -> None:
        data = self._file.read(STEP)
        if not self._begun and not data.startswith(MAGIC):
            raise BackupDamaged(NO_BACKUP)
        if not data:
            raise BackupDamaged("The backup is damaged: its end is missing.")
        self._begun = True
        try:
            self._ready = memoryview(self._frame.decompress(data))
        except zstandard.ZstdError as error:
            raise BackupDamaged("The backup is damaged: it cannot be decompressed.") from error
        if self._frame.eof and (self._frame.unused_data or self._file.read(1)):
            raise BackupDamaged("The backup is damaged: something follows its end.")
