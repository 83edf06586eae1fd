"""Smaller PNGs of pages. Of flat colours and text, the filters that a browser chooses make a file a quarter larger."""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXEL = 3  # bytes: RGB of 8 bits each, as Chromium writes it
Chunk = tuple[bytes, bytes]


def smaller(png: bytes) -> bytes:
    """The same picture without filters (RFC 2083 section 6)."""
    chunks = list(_chunks(png))
    width, height, depth, colour = struct.unpack(">IIBB", dict(chunks)[b"IHDR"][:10])
    assert (depth, colour) == (8, 2), "not RGB of 8 bits"
    lines = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    plain = b"".join(b"\0" + line for line in _unfiltered(lines, width * PIXEL, height))
    kept = [(kind, data) for kind, data in chunks if kind not in (b"IDAT", b"IEND")]
    written = [*kept, (b"IDAT", zlib.compress(plain, 9)), (b"IEND", b"")]
    return SIGNATURE + b"".join(_written(kind, data) for kind, data in written)


def _chunks(png: bytes) -> Iterator[Chunk]:
    at = len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def _written(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _unfiltered(lines: bytes, length: int, height: int) -> Iterator[bytes]:
    above = bytes(length)
    for number in range(height):
        start = number * (length + 1)
        above = bytes(_line(lines[start], bytearray(lines[start + 1 : start + 1 + length]), above))
        yield above


def _line(kind: int, line: bytearray, above: bytes) -> bytearray:
    for at in range(len(line) if kind else 0):
        left = line[at - PIXEL] if at >= PIXEL else 0
        corner = above[at - PIXEL] if at >= PIXEL else 0
        guesses = (0, left, above[at], (left + above[at]) // 2)
        line[at] = (line[at] + (guesses[kind] if kind < 4 else _nearest(left, above[at], corner))) % 256
    return line


def _nearest(left: int, above: int, corner: int) -> int:
    """Paeth's guess: whichever is next to left + above - corner."""
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))
