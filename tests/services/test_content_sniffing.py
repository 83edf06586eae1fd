import io
import struct
import tarfile
import zipfile

import pytest

from appliance.services.content_sniffing import sniff

OFFICE = "application/vnd.openxmlformats-officedocument"
MACROS = "macroenabled.12"


def archive(*names: str, first: tuple[str, bytes] | None = None, comment: bytes = b"") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        if first:
            file.writestr(first[0], first[1], zipfile.ZIP_STORED)
        for name in names:
            file.writestr(name, "x")
        file.comment = comment
    return made.getvalue()


def tape() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as file:
        file.addfile(tarfile.TarInfo("a.txt"))
    return made.getvalue()


def compound(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + stream.encode("utf-16-le")


def type_of(content: bytes) -> str | None:
    kind = sniff(content)
    return kind.type if kind else None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "application/pdf"),
        (b"\0junk before it\n%PDF-1.7", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"GIF89a\1\0", "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        (b"BM\x36\0\0\0\0\0\0\0\x36", "image/bmp"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "application/x-7z-compressed"),
        (b"\x1f\x8b\x08\0", "application/gzip"),
        (b"BZh91AY&SY\0", "application/x-bzip2"),
        (tape(), "application/x-tar"),
        (b"ID3\3\0\0", "audio/mpeg"),
        (b"\0\0\0\x20ftypisom\0\0", "video/mp4"),
        (b"\0\0\0\x20ftypM4A \0\0", "audio/mp4"),
        (b"\0\0\0\x18ftypheic\0\0", "image/heic"),
        (b"\x1aE\xdf\xa3\0", "video/webm"),
        (b"MZ\x90\0\3\0\0\0", "application/vnd.microsoft.portable-executable"),
        (b"\x7fELF\2\1\1", "application/x-elf"),
        (b"\xca\xfe\xba\xbe\0\0", "application/java-vm"),
        (b"L\0\0\0\1\x14\2\0\0", "application/x-ms-shortcut"),
        (compound("WordDocument"), "application/msword"),
        (compound("Workbook"), "application/vnd.ms-excel"),
        (compound("PowerPoint Document"), "application/vnd.ms-powerpoint"),
        (compound("EncryptedPackage"), f"{OFFICE}.encrypted"),
        (compound("Installer"), "application/x-ole-storage"),
        (archive("a.txt"), "application/zip"),
        (archive(), "application/zip"),
        (archive("[Content_Types].xml", "word/document.xml"), f"{OFFICE}.wordprocessingml.document"),
        (archive("docProps/app.xml", "xl/workbook.xml", "[Content_Types].xml"), f"{OFFICE}.spreadsheetml.sheet"),
        (archive("[Content_Types].xml", "ppt/a.xml"), f"{OFFICE}.presentationml.presentation"),
        (archive("[Content_Types].xml", "word/vbaProject.bin"), f"application/vnd.ms-word.document.{MACROS}"),
        (archive("word/document.xml"), "application/zip"),
        (archive("META-INF/MANIFEST.MF", "a.class"), "application/java-archive"),
        (archive("AndroidManifest.xml", "META-INF/MANIFEST.MF"), "application/vnd.android.package-archive"),
        (
            archive(first=("mimetype", b"application/vnd.oasis.opendocument.text")),
            "application/vnd.oasis.opendocument.text",
        ),
        (archive(first=("mimetype", b"text/html\r\nX: y")), "application/zip"),
        (b"\0\1\2\3 of no kind", None),
    ],
)
def test_kind_is_known_by_its_bytes(content: bytes, expected: str | None) -> None:
    assert type_of(content) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><p>x",
        b"  \r\n\t<HTML lang=en>",
        b"\xef\xbb\xbf<script>alert(1)</script>",
        "\ufeff<html>".encode("utf-16-le"),
        "\ufeff<script>".encode("utf-16-be"),
        b"<!-- a comment --><body>",
        b"<iframe/src=x>",
        b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>",
    ],
)
def test_page_is_a_page_in_whatever_disguise(content: bytes) -> None:
    assert type_of(content) == "text/html"


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'>",
        b'<?xml version="1.0"?>\n<!-- made by hand --><svg:svg>',
        b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd" [<!ENTITY a "b">]><svg>',
        b"<!-- first --><svg>",
    ],
)
def test_svg_is_found_behind_what_may_precede_it(content: bytes) -> None:
    assert type_of(content) == "image/svg+xml"


@pytest.mark.parametrize(
    "content", [b"#!/bin/sh\n", b"#! /usr/bin/env python", b"<?php system($_GET[0]);", b"<?= 1 ?>"]
)
def test_script_is_a_script(content: bytes) -> None:
    assert type_of(content) == "text/x-script"


@pytest.mark.parametrize("content", [b"<?xml version='1.0'?><rss>", b"<invoice>", b"<bookings>", b"<?xml"])
def test_other_markup_is_xml(content: bytes) -> None:
    assert type_of(content) == "application/xml"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"name,sum\r\nAnn,7\r\n",
        b'{"a": 1}',
        b"BM Weekly",
        b"MZ is how programs begin, and PDFs begin with %PDF-1.7",
        b"ID3 tags explained",
        b"#!important",
        b"1 < 2 <script>",
        "Grüße aus Köln".encode("latin-1"),
        "\ufeff年报".encode("utf-16-le"),
        b"< 5 pieces",
    ],
)
def test_text_is_a_text_whatever_it_speaks_of(content: bytes) -> None:
    assert type_of(content) == "text/plain"


def test_archive_is_judged_by_its_directory_at_the_end() -> None:
    document = archive("[Content_Types].xml", "word/document.xml", comment=b"a comment " * 100)

    assert type_of(b"PK\x03\x04" + bytes(10) + document) == f"{OFFICE}.wordprocessingml.document"


@pytest.mark.parametrize("cut", [0, 4, 22, 30, 60])
def test_broken_archive_is_only_an_archive(cut: int) -> None:
    whole = archive("[Content_Types].xml", "word/document.xml")

    assert type_of(whole[: 4 + cut]) == "application/zip"
    assert type_of(b"PK\x05\x06" + b"\xff" * 18 + b"PK\x05\x06" + b"\xff" * cut) == "application/zip"


def test_directory_with_a_million_entries_is_not_read_to_its_end() -> None:
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<HHH", 1, 0, 0) + bytes(12) + b"a"
    directory = entry * 1_000_000
    end = b"PK\x05\x06" + bytes(8) + struct.pack("<II", len(directory), 4) + bytes(2)
    looked_at: list[int] = []

    class Watched(bytes):
        def startswith(self, *arguments: object) -> bool:  # type: ignore[override]
            looked_at.append(1)
            return super().startswith(*arguments)  # type: ignore[arg-type]

    assert type_of(Watched(b"PK\x03\x04" + directory + end)) == "application/zip"
    assert len(looked_at) < 2000
