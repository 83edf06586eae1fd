"""What an attachment may be: which types, and that its content is what it is called; and names that fool nobody."""

import mimetypes
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from appliance.errors import ApplianceError
from appliance.services.content_signatures import BINARY_TYPES, DANGEROUS_ENDINGS, PDF, SVG, TEXT, XML, ZIP, Kind
from appliance.services.content_sniffing import sniff

LONGEST_FILENAME = 200
EVERYTHING = "*"
UNKNOWN = "application/octet-stream"

_CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}\Z")
_UNSAFE_IN_FILENAME = re.compile(
    # control characters, what file systems take amiss, lone surrogates, and what turns the direction of writing around
    r'[\x00-\x1f\x7f-\x9f<>:"|?*/\\\ud800-\udfff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]'
)
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|\Z)", re.IGNORECASE)  # devices of Windows
_TEXT_TYPES = ("text/*", "application/json", "application/xml", "application/*+json", "application/*+xml")
_NO_TEXT_TYPES = ("image/*", "audio/*", "video/*", "font/*", "application/vnd.*officedocument.*", "*opendocument*")
_COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
_SAME = {
    "application/x-zip-compressed": ZIP.type,
    "application/x-zip": ZIP.type,
    "application/x-gzip": "application/gzip",
    "application/x-tgz": "application/gzip",
    "application/x-compressed-tar": "application/gzip",
    "application/x-pdf": PDF.type,
    "text/xml": XML.type,
    "application/x-rar-compressed": "application/vnd.rar",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/csv": "text/csv",
    "application/ics": "text/calendar",
    "text/x-vcard": "text/vcard",
    "text/json": "application/json",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
}
"""Other spellings of one type."""


class WrongType(ApplianceError):
    """The file may not be attached. `code` is one of FIELD_CODES."""

    def __init__(self, message: str, code: str) -> None:
        self.code = code
        super().__init__(message)


def settled_type(filename: str, declared: str | None, content: bytes, allowed: Sequence[str]) -> str:
    """The type that it is sent with. `allowed`: patterns such as `image/*`; `*` alone lets everything through unseen.

    Raises:
        WrongType: its type is not allowed, or its content is something else than what it is called.
    """
    claimed = usable_type(declared, filename)
    if EVERYTHING in allowed:
        return claimed
    claimed = _SAME.get(claimed, claimed)
    _require_harmless_ending(filename, allowed)
    kind = sniff(content)
    if kind is not None and kind is not TEXT and not _is_allowed(kind.type, allowed):
        raise WrongType(_refusal(kind, claimed, allowed), "type_not_allowed")
    settled = _agreed(kind, claimed, filename, content)
    if settled is None:
        raise WrongType(_refusal(kind, claimed, allowed), "type_mismatch")
    if not _is_allowed(settled, allowed):
        raise WrongType(_refusal(kind, settled, allowed), "type_not_allowed")
    return settled


def usable_type(content_type: str | None, filename: str) -> str:
    """The declared type if it has the form of one and says something, else what the name suggests."""
    named = (content_type or "").partition(";")[0].strip().lower()
    if named != UNKNOWN and _CONTENT_TYPE.match(named):
        return named
    guessed, compression = mimetypes.guess_type(filename, strict=False)
    return _COMPRESSED.get(compression or "", guessed or UNKNOWN)


def safe_filename(filename: str) -> str:
    """The last part of a path, without what could fool a person or a file system. Endings stay as they are."""
    name = _UNSAFE_IN_FILENAME.sub("_", filename.replace("\\", "/").rpartition("/")[2]).strip(" .")
    name = f"_{name}" if _RESERVED.match(name) else name
    return name[-LONGEST_FILENAME:] or "attachment"


def _agreed(kind: Kind | None, claimed: str, filename: str, content: bytes) -> str | None:
    """What content and claim come to; None: they do not go together."""
    if not content:
        return claimed
    if kind is TEXT:
        return _agreed_text(claimed, filename)
    if kind is None:
        recognised = claimed in BINARY_TYPES or _is_allowed(claimed, (*_TEXT_TYPES, *_NO_TEXT_TYPES[4:]))
        return None if recognised else claimed
    if claimed == UNKNOWN:
        return kind.type
    fits = claimed == kind.type or claimed in kind.fits or (claimed == ZIP.type and content.startswith(b"PK"))
    return claimed if fits or (claimed.endswith("+xml") and kind in (XML, SVG)) else None


def _agreed_text(claimed: str, filename: str) -> str | None:
    """Much may be written in letters; but a PDF, a picture or an archive is not."""
    if claimed == UNKNOWN:
        return TEXT.type
    if claimed == "application/vnd.ms-excel" and filename.lower().endswith(".csv"):
        return "text/csv"  # what Windows calls it once Excel is there
    return None if claimed in BINARY_TYPES or _is_allowed(claimed, _NO_TEXT_TYPES) else claimed


def _require_harmless_ending(filename: str, allowed: Sequence[str]) -> None:
    ending = filename.rpartition(".")[2].lower().strip()
    needs = DANGEROUS_ENDINGS.get(ending) if "." in filename else None
    if needs and not _is_allowed(needs, allowed):
        message = f"Files that end in .{ending} are not taken: computers run them ({needs}). {_remedy(allowed)}"
        raise WrongType(message, "type_not_allowed")


def _is_allowed(content_type: str, allowed: Sequence[str]) -> bool:
    return any(fnmatchcase(content_type, _SAME.get(pattern, pattern)) for pattern in allowed)


def _refusal(kind: Kind | None, claimed: str, allowed: Sequence[str]) -> str:
    what = f"{kind.words} ({kind.type})" if kind else "of no kind that is known here"
    return f"By its content the file is {what}; it was declared as {claimed}. {_remedy(allowed)}"


def _remedy(allowed: Sequence[str]) -> str:
    return f"Allowed are: {', '.join(allowed)} ([limits] attachment_types)."
