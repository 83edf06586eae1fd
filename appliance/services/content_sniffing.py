"""What a file really is, by its content. Nothing is unpacked, and however large the file, little of it is looked at."""

import codecs
import re
import struct
from collections.abc import Iterator

from appliance.services import content_signatures as known
from appliance.services.content_signatures import Kind

BEGINNING = 1024
MOST_ENTRIES = 1000  # of the directory of a ZIP archive
LARGEST_DIRECTORY = 256 * 1024
LONGEST_COMMENT = 65_535  # behind the directory (APPNOTE.TXT 4.3.16)
OLE_BEGINNING = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")  # "binary data byte" of the MIME Sniffing Standard
_FIRST_ELEMENT = re.compile(rb"<([a-z_][\w.:-]*)", re.IGNORECASE)
_PROLOGUE = re.compile(
    rb"\s+|<\?.*?\?>|<!--.*?-->|<!doctype\s+(?!html)[^>\[]*(\[.*?\]\s*)?>", re.IGNORECASE | re.DOTALL
)
_OPEN_DOCUMENT = re.compile(rb"[a-z]+/[a-z0-9.+-]{1,100}\Z")
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def sniff(content: bytes) -> Kind | None:
    """None: bytes of no kind that is known here, and no text."""
    beginning = content[:BEGINNING]
    return _by_signature(content, beginning) or _as_text(beginning)


def _by_signature(content: bytes, beginning: bytes) -> Kind | None:
    for offset, signature, kind in known.BEGINNINGS:
        if beginning.startswith(signature, offset):
            return kind
    if beginning.startswith(b"%PDF-") or (b"%PDF-" in beginning and _BINARY.search(beginning)):  # readers take both
        return known.PDF
    if beginning.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(content)
    if beginning.startswith(OLE_BEGINNING):
        return _compound_file(content)
    return _in_a_frame(beginning)


def _in_a_frame(beginning: bytes) -> Kind | None:
    """Formats that name their kind a few bytes later."""
    if beginning.startswith(b"RIFF"):
        return known.RIFF_FORMS.get(beginning[8:12])
    if beginning[4:8] == b"ftyp" and beginning.startswith(b"\0"):
        return known.ISO_BRANDS.get(beginning[8:12], known.ISO_OTHER)
    if beginning.startswith(b"MZ") and _BINARY.search(beginning):
        return known.WINDOWS_PROGRAM
    if beginning.startswith(b"BM") and beginning[6:10] == bytes(4):
        return known.BMP
    return None


def _archive(content: bytes) -> Kind:
    """Office documents and programs are ZIP archives; the names in their directory tell."""
    if content.startswith(b"mimetype", 30):
        return _open_document(content)
    names = list(_names_in_archive(content))
    if any(name == b"AndroidManifest.xml" for name in names):
        return known.ANDROID_PACKAGE
    for folder, kind in known.OFFICE_FOLDERS.items():
        if b"[Content_Types].xml" in names and any(name.startswith(folder) for name in names):
            macros = any(name.lower().endswith(b"vbaproject.bin") for name in names)
            return known.WITH_MACROS[folder] if macros else kind
    return known.JAVA_ARCHIVE if b"META-INF/MANIFEST.MF" in names else known.ZIP


def _open_document(content: bytes) -> Kind:
    """Its first entry, not compressed, holds its type (OpenDocument 1.3 part 2, 3.3)."""
    method, size = struct.unpack_from("<8xH8xI", content) if len(content) >= 22 else (1, 0)
    named = content[38 : 38 + size] if method == 0 and size < 128 else b""
    return Kind(named.decode(), "a document in a ZIP archive") if _OPEN_DOCUMENT.match(named) else known.ZIP


def _names_in_archive(content: bytes) -> Iterator[bytes]:
    """From the directory at the end (APPNOTE.TXT 4.3.12): the only one that programs go by."""
    end = content.rfind(b"PK\x05\x06", max(0, len(content) - LONGEST_COMMENT - 22))
    if end < 0 or len(content) < end + 22:
        return
    size, _start = struct.unpack_from("<II", content, end + 12)
    place = max(0, end - size)
    last = min(end, place + LARGEST_DIRECTORY)
    for _ in range(MOST_ENTRIES):
        if place + 46 > last or not content.startswith(b"PK\x01\x02", place):
            return
        name, extra, comment = struct.unpack_from("<HHH", content, place + 28)
        yield content[place + 46 : place + 46 + name]
        place += 46 + name + extra + comment


def _compound_file(content: bytes) -> Kind:
    """Office before 2007: the names of the streams inside tell, which stand in UTF-16."""
    for stream, kind in known.OLE_STREAMS.items():
        if stream.encode("utf-16-le") in content:
            return kind
    return known.OLE


def _as_text(beginning: bytes) -> Kind | None:
    readable = _without_mark(beginning)
    if readable is None or _BINARY.search(readable):
        return None
    start = readable.lstrip(b"\t\n\x0c\r ")
    if start.startswith((b"#!/", b"#! /", b"<?php", b"<?=", b"<%")):
        return known.SCRIPT
    return _marked_up(start) if start.startswith(b"<") else known.TEXT


def _without_mark(beginning: bytes) -> bytes | None:
    """Texts in UTF-16 as UTF-8, so that what is inside is recognised all the same."""
    for mark, encoding in _UTF16.items():
        if beginning.startswith(mark):
            even = beginning[2 : len(beginning) // 2 * 2]
            return even.decode(encoding, errors="replace").encode(errors="replace")
    return beginning.removeprefix(codecs.BOM_UTF8)


def _marked_up(start: bytes) -> Kind:
    """Text that begins with `<`."""
    lower = start.lower()
    root = _root_of(start)
    if root == b"svg":
        return known.SVG
    if root == b"html" or any(lower.startswith(tag) and _ends_tag(lower, len(tag)) for tag in known.HTML_TAGS):
        return known.HTML
    return known.XML if root or start.startswith(b"<?xml") else known.TEXT


def _ends_tag(lower: bytes, place: int) -> bool:
    """So that `<bookings>` is not taken for `<b>`; a comment needs no end."""
    return lower.startswith(b"<!--") or lower[place : place + 1] in (b" ", b">", b"/", b"\t", b"\n", b"\r", b"\x0c")


def _root_of(start: bytes) -> bytes:
    """The name of the first element, without the prefix of its name space."""
    place = 0
    while found := _PROLOGUE.match(start, place):
        place = found.end()
    element = _FIRST_ELEMENT.match(start, place)
    return element.group(1).lower().rpartition(b":")[2] if element else b""
