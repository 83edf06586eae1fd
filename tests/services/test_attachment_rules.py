import pytest

from appliance.config.settings import LimitsSettings
from appliance.services.attachment_rules import WrongType, safe_filename, settled_type, usable_type
from tests.services.test_content_sniffing import archive, compound

DEFAULT = LimitsSettings().attachment_types
PDF = b"%PDF-1.7\n%\xe2\xe3"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
PROGRAM = b"MZ\x90\0\3\0\0\0"
DOCX = archive("[Content_Types].xml", "word/document.xml")
DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("name", "declared", "content", "settled"),
    [
        ("invoice.pdf", "application/pdf", PDF, "application/pdf"),
        ("invoice.pdf", None, PDF, "application/pdf"),
        ("invoice", "application/octet-stream", PDF, "application/pdf"),
        ("invoice.PDF", "application/x-pdf", PDF, "application/pdf"),
        ("photo.jpg", "image/jpg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("letter.docx", DOCX_TYPE, DOCX, DOCX_TYPE),
        ("letter", None, DOCX, DOCX_TYPE),
        ("letter.docx", "application/zip", DOCX, "application/zip"),
        ("secret.docx", DOCX_TYPE, compound("EncryptedPackage"), DOCX_TYPE),
        ("letter.doc", "application/msword", compound("WordDocument"), "application/msword"),
        ("files.zip", "application/x-zip-compressed", archive("setup.txt"), "application/zip"),
        ("files.tar.gz", None, b"\x1f\x8b\x08\0", "application/gzip"),
        ("table.csv", "text/csv", b"a,b\n", "text/csv"),
        ("table.csv", "application/vnd.ms-excel", b"a;b\n", "text/csv"),
        ("table.csv", "text/plain; charset=utf-8", b"a,b\n", "text/plain"),
        ("notes", None, b"a note", "text/plain"),
        ("meeting.ics", "text/calendar", b"BEGIN:VCALENDAR\r\n", "text/calendar"),
        ("data.json", "application/json", b'{"a": 1}', "application/json"),
        ("feed.xml", "text/xml", b"<?xml version='1.0'?><rss>", "application/xml"),
        ("voice.mp3", "audio/mp3", b"ID3\3\0\0", "audio/mpeg"),
        ("voice.m4a", "audio/x-m4a", b"\0\0\0\x20ftypM4A \0\0", "audio/x-m4a"),
        ("empty.pdf", "application/pdf", b"", "application/pdf"),
    ],
)
def test_what_people_send_is_taken(name: str, declared: str | None, content: bytes, settled: str) -> None:
    assert settled_type(name, declared, content, DEFAULT) == settled


@pytest.mark.parametrize(
    ("name", "declared", "content", "code"),
    [
        ("invoice.pdf", "application/pdf", PROGRAM, "type_not_allowed"),
        ("setup.exe", "application/octet-stream", PROGRAM, "type_not_allowed"),
        ("setup.exe", "text/plain", b"a text", "type_not_allowed"),
        ("invoice.pdf.js", "application/pdf", b"alert(1)", "type_not_allowed"),
        ("run.bat", "text/plain", b"del *", "type_not_allowed"),
        ("run.bat .", "text/plain", b"del *", "type_not_allowed"),
        ("page.html", "text/html", b"<html>", "type_not_allowed"),
        ("page.txt", "text/plain", b"<html>", "type_not_allowed"),
        ("logo.svg", "image/svg+xml", b"<svg>", "type_not_allowed"),
        ("logo.png", "image/png", b"<svg>", "type_not_allowed"),
        ("notes.txt", "text/plain", b"#!/bin/sh\nrm -r /", "type_not_allowed"),
        ("letter.docx", DOCX_TYPE, archive("[Content_Types].xml", "word/vbaProject.bin"), "type_not_allowed"),
        ("game.zip", "application/zip", archive("META-INF/MANIFEST.MF"), "type_not_allowed"),
        ("letter.doc", "application/msword", compound("Installer"), "type_not_allowed"),
        ("data.bin", "application/octet-stream", b"\0\1\2", "type_not_allowed"),
        ("photo.png", "image/png", PDF, "type_mismatch"),
        ("invoice.pdf", "application/pdf", PNG, "type_mismatch"),
        ("invoice.pdf", "application/pdf", b"a text", "type_mismatch"),
        ("photo.png", "image/png", b"\0\1\2", "type_mismatch"),
        ("letter.docx", DOCX_TYPE, archive("a.txt"), "type_mismatch"),
        ("letter.docx", DOCX_TYPE, b"\0\1\2", "type_mismatch"),
        ("table.csv", "text/csv", b"\0\1\2", "type_mismatch"),
        ("table.csv", "text/csv", PDF, "type_mismatch"),
    ],
)
def test_what_is_not_what_it_says_or_could_be_run_is_refused(
    name: str, declared: str, content: bytes, code: str
) -> None:
    with pytest.raises(WrongType) as caught:
        settled_type(safe_filename(name), declared, content, DEFAULT)

    assert caught.value.code == code


def test_refusal_says_what_it_is_what_it_was_called_and_what_is_allowed() -> None:
    with pytest.raises(WrongType) as caught:
        settled_type("invoice.pdf", "application/pdf", PROGRAM, ("application/pdf", "image/*"))

    assert str(caught.value) == (
        "By its content the file is a Windows program (application/vnd.microsoft.portable-executable); it was declared "
        "as application/pdf. Allowed are: application/pdf, image/* ([limits] attachment_types)."
    )


def test_only_what_the_settings_name_is_taken() -> None:
    assert settled_type("a.png", "image/png", PNG, ("image/*",)) == "image/png"
    assert settled_type("page.html", "text/html", b"<html>", ("text/html",)) == "text/html"
    assert settled_type("feed.xml", "application/xml", b"<rss>", ("text/xml",)) == "application/xml"
    with pytest.raises(WrongType):
        settled_type("a.pdf", "application/pdf", PDF, ("image/*",))
    with pytest.raises(WrongType):
        settled_type("a.txt", "text/plain", b"a text", ())


def test_star_lets_everything_through() -> None:
    assert settled_type("invoice.pdf", "application/pdf", PROGRAM, ("*",)) == "application/pdf"
    assert settled_type("setup.exe", "application/x-anything", PROGRAM, ("*",)) == "application/x-anything"


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\invoice.pdf", "invoice.pdf"),
        ("a\r\nBcc: x", "a__Bcc_ x"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("\u2067a\u061cb\u200f.pdf", "_a_b_.pdf"),
        ("invoice.txt:hidden.exe", "invoice.txt_hidden.exe"),
        ('<b>"?*|.txt', "_b_____.txt"),
        ("CON", "_CON"),
        ("aux.txt", "_aux.txt"),
        ("Lpt1.pdf", "_Lpt1.pdf"),
        ("console.txt", "console.txt"),
        ("invoice.pdf.exe", "invoice.pdf.exe"),
        ("invoice.exe. . .", "invoice.exe"),
        ("", "attachment"),
        ("..", "attachment"),
        ("年报 2026.pdf", "年报 2026.pdf"),
        ("x" * 500 + ".pdf", "x" * 196 + ".pdf"),
        ("\ud800.pdf", "_.pdf"),
    ],
)
def test_a_file_name_is_only_a_name(given: str, safe: str) -> None:
    assert safe_filename(given) == safe


@pytest.mark.parametrize(
    ("declared", "name", "used"),
    [
        ("image/png", "a.bin", "image/png"),
        ("text/plain; charset=utf-8", "a.bin", "text/plain"),
        ("text/html\r\nX: y", "a.png", "image/png"),
        ("application/octet-stream", "a.png", "image/png"),
        (None, "a.unheard-of", "application/octet-stream"),
    ],
)
def test_a_type_without_the_form_of_one_is_guessed_from_the_name(declared: str | None, name: str, used: str) -> None:
    assert usable_type(declared, name) == used
