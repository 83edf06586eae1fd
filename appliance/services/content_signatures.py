"""By which bytes kinds of files are known. Sources: the WHATWG MIME Sniffing Standard and the formats' own documents.

A table of our own, because what is wanted here is small and must be certain: the libraries that there are know a
thousand formats and give likelihoods, by which a text that begins with BM is a picture.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """`words` follow "it is"; `fits`: further types that the same content may rightly be declared as."""

    type: str
    words: str
    fits: tuple[str, ...] = ()


_OFFICE = "application/vnd.openxmlformats-officedocument"
ISO_MEDIA = ("video/mp4", "audio/mp4", "audio/x-m4a", "video/quicktime", "video/3gpp", "audio/3gpp", "video/x-m4v")
MATROSKA = ("video/webm", "audio/webm", "video/x-matroska", "audio/x-matroska")

PDF = Kind("application/pdf", "a PDF document")
ZIP = Kind("application/zip", "a ZIP archive")
HTML = Kind("text/html", "an HTML page", ("application/xhtml+xml", "text/plain"))
SVG = Kind("image/svg+xml", "an SVG picture, which may contain scripts", ("application/xml", "text/plain"))
XML = Kind("application/xml", "an XML document", ("text/plain",))
SCRIPT = Kind("text/x-script", "a script", ("text/plain",))
TEXT = Kind("text/plain", "a text")
WINDOWS_PROGRAM = Kind(
    "application/vnd.microsoft.portable-executable", "a Windows program", ("application/x-msdownload",)
)
OLE = Kind("application/x-ole-storage", "a compound file of no known Office program")
BMP = Kind("image/bmp", "a BMP picture")

BEGINNINGS: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", Kind("image/png", "a PNG picture", ("image/apng",))),
    (0, b"\xff\xd8\xff", Kind("image/jpeg", "a JPEG picture")),
    (0, b"GIF87a", Kind("image/gif", "a GIF picture")),
    (0, b"GIF89a", Kind("image/gif", "a GIF picture")),
    (0, b"II*\0", Kind("image/tiff", "a TIFF picture")),
    (0, b"MM\0*", Kind("image/tiff", "a TIFF picture")),
    (0, b"\0\0\1\0", Kind("image/vnd.microsoft.icon", "an icon", ("image/x-icon",))),
    (0, b"7z\xbc\xaf\x27\x1c", Kind("application/x-7z-compressed", "a 7z archive")),
    (0, b"\x1f\x8b\x08", Kind("application/gzip", "a gzip archive")),
    (4, b"1AY&SY", Kind("application/x-bzip2", "a bzip2 archive")),
    (0, b"\xfd7zXZ\0", Kind("application/x-xz", "an xz archive")),
    (0, b"Rar!\x1a\x07", Kind("application/vnd.rar", "a RAR archive")),
    (257, b"ustar", Kind("application/x-tar", "a tar archive")),
    (0, b"{\\rtf", Kind("application/rtf", "an RTF document", ("text/rtf", "application/msword"))),
    (0, b"\x7fELF", Kind("application/x-elf", "a Linux program", ("application/x-executable",))),
    (0, b"\xca\xfe\xba\xbe", Kind("application/java-vm", "a Java or macOS program")),
    (0, b"\xfe\xed\xfa\xce", Kind("application/x-mach-binary", "a macOS program")),
    (0, b"\xfe\xed\xfa\xcf", Kind("application/x-mach-binary", "a macOS program")),
    (0, b"\xce\xfa\xed\xfe", Kind("application/x-mach-binary", "a macOS program")),
    (0, b"\xcf\xfa\xed\xfe", Kind("application/x-mach-binary", "a macOS program")),
    (0, b"\0asm", Kind("application/wasm", "a WebAssembly program")),
    (0, b"L\0\0\0\1\x14\2\0", Kind("application/x-ms-shortcut", "a Windows shortcut")),
    (0, b"MSCF\0\0\0\0", Kind("application/vnd.ms-cab-compressed", "a Windows cabinet")),
    (0, b"ITSF\3\0\0\0", Kind("application/vnd.ms-htmlhelp", "a Windows help file, which may contain scripts")),
    (0, b"#!AMR", Kind("audio/amr", "an AMR sound")),
    (0, b"ID3\2", Kind("audio/mpeg", "an MP3 sound")),
    (0, b"ID3\3", Kind("audio/mpeg", "an MP3 sound")),
    (0, b"ID3\4", Kind("audio/mpeg", "an MP3 sound")),
    (0, b"\xff\xfb", Kind("audio/mpeg", "an MP3 sound")),
    (0, b"\xff\xf3", Kind("audio/mpeg", "an MP3 sound")),
    (0, b"\xff\xf2", Kind("audio/mpeg", "an MP3 sound")),
    (0, b"\xff\xf1", Kind("audio/aac", "an AAC sound")),
    (0, b"\xff\xf9", Kind("audio/aac", "an AAC sound")),
    (0, b"OggS\0", Kind("audio/ogg", "an Ogg recording", ("video/ogg", "application/ogg", "audio/opus"))),
    (0, b"fLaC\0", Kind("audio/flac", "a FLAC sound")),
    (0, b"\x1aE\xdf\xa3", Kind("video/webm", "a WebM or Matroska film", MATROSKA)),
    (0, b"\0\0\1\xba", Kind("video/mpeg", "an MPEG film")),
    (0, b"SQLite format 3\0", Kind("application/vnd.sqlite3", "an SQLite database")),
)

RIFF_FORMS = {
    b"WEBP": Kind("image/webp", "a WebP picture"),
    b"WAVE": Kind("audio/wav", "a WAV sound"),
    b"AVI ": Kind("video/x-msvideo", "an AVI film", ("video/avi", "video/vnd.avi")),
}

ISO_BRANDS = {
    b"heic": Kind("image/heic", "an HEIC picture", ("image/heif",)),
    b"heix": Kind("image/heic", "an HEIC picture", ("image/heif",)),
    b"mif1": Kind("image/heif", "an HEIF picture", ("image/heic",)),
    b"avif": Kind("image/avif", "an AVIF picture"),
    b"M4A ": Kind("audio/mp4", "an MPEG-4 sound", ISO_MEDIA),
    b"qt  ": Kind("video/quicktime", "a QuickTime film", ISO_MEDIA),
}
ISO_OTHER = Kind("video/mp4", "an MPEG-4 film or sound", ISO_MEDIA)

OFFICE_FOLDERS = {
    b"word/": Kind(
        f"{_OFFICE}.wordprocessingml.document", "a Word document", (f"{_OFFICE}.wordprocessingml.template",)
    ),
    b"xl/": Kind(f"{_OFFICE}.spreadsheetml.sheet", "an Excel workbook", (f"{_OFFICE}.spreadsheetml.template",)),
    b"ppt/": Kind(
        f"{_OFFICE}.presentationml.presentation",
        "a PowerPoint presentation",
        (f"{_OFFICE}.presentationml.slideshow", f"{_OFFICE}.presentationml.template"),
    ),
}
WITH_MACROS = {
    b"word/": Kind("application/vnd.ms-word.document.macroenabled.12", "a Word document with macros"),
    b"xl/": Kind("application/vnd.ms-excel.sheet.macroenabled.12", "an Excel workbook with macros"),
    b"ppt/": Kind("application/vnd.ms-powerpoint.presentation.macroenabled.12", "a presentation with macros"),
}
JAVA_ARCHIVE = Kind("application/java-archive", "a Java program", ("application/x-java-archive",))
ANDROID_PACKAGE = Kind("application/vnd.android.package-archive", "an Android program")

OLE_STREAMS = {
    "EncryptedPackage": Kind(
        f"{_OFFICE}.encrypted", "an Office document with a password", tuple(one.type for one in OFFICE_FOLDERS.values())
    ),
    "WordDocument": Kind("application/msword", "a Word document"),
    "Workbook": Kind("application/vnd.ms-excel", "an Excel workbook"),
    "PowerPoint Document": Kind("application/vnd.ms-powerpoint", "a PowerPoint presentation"),
    "__properties_version1.0": Kind("application/vnd.ms-outlook", "an Outlook message"),
}

HTML_TAGS = (
    *(b"<!doctype html", b"<html", b"<head", b"<script", b"<iframe", b"<h1", b"<div", b"<font", b"<table", b"<a"),
    *(
        b"<style",
        b"<title",
        b"<b",
        b"<body",
        b"<br",
        b"<p",
        b"<!--",
        b"<meta",
        b"<img",
        b"<form",
        b"<object",
        b"<embed",
    ),
)

DANGEROUS_ENDINGS = {
    **dict.fromkeys(("exe", "com", "scr", "pif", "cpl", "dll", "msi", "msp", "msc", "sys"), WINDOWS_PROGRAM.type),
    **dict.fromkeys(
        ("bat", "cmd", "ps1", "psm1", "vbs", "vbe", "wsf", "wsh", "sct", "reg"), "application/x-windows-script"
    ),
    **dict.fromkeys(("lnk", "url", "scf", "inf"), "application/x-ms-shortcut"),
    **dict.fromkeys(("js", "jse", "mjs"), "text/javascript"),
    **dict.fromkeys(("htm", "html", "shtml", "mht", "mhtml", "hta"), HTML.type),
    **dict.fromkeys(("sh", "bash", "py", "pl", "rb", "php", "command"), SCRIPT.type),
    **dict.fromkeys(("svg", "svgz"), SVG.type),
    **dict.fromkeys(("xhtml", "xht"), "application/xhtml+xml"),
    **dict.fromkeys(("jar", "jnlp"), JAVA_ARCHIVE.type),
    **dict.fromkeys(("iso", "img", "vhd", "vhdx", "dmg"), "application/x-disk-image"),
    "apk": ANDROID_PACKAGE.type,
    "chm": "application/vnd.ms-htmlhelp",
    "docm": WITH_MACROS[b"word/"].type,
    "xlsm": WITH_MACROS[b"xl/"].type,
    "pptm": WITH_MACROS[b"ppt/"].type,
}
"""Endings by which systems decide to run something, whatever is inside, and the type that must be allowed for each."""

BINARY_TYPES = frozenset(
    one.type
    for one in (
        *(kind for _, _, kind in BEGINNINGS),
        *(*RIFF_FORMS.values(), *ISO_BRANDS.values(), ISO_OTHER, *OFFICE_FOLDERS.values(), *WITH_MACROS.values()),
        *(*OLE_STREAMS.values(), PDF, ZIP, BMP, JAVA_ARCHIVE, ANDROID_PACKAGE, WINDOWS_PROGRAM),
    )
)
"""Types whose content is always recognised: what is declared as one of them and is not recognised is none."""
