"""Header fields: which ones a message may bring along, and how their values are written (RFC 5322, RFC 2047).

The encoders return the value as it stands on the wire, folded with CRLF, so that nothing has to look at it again.
"""

import re
import secrets
from collections.abc import Iterable, Iterator
from email import base64mime, quoprimime

from appliance.errors import ApplianceError
from appliance.mail.addresses import Address

NAME_LIMIT = 76
VALUE_LIMIT = 4000
UNBROKEN_LIMIT = 900  # a word cannot be folded, and a line may have 998 characters

_LINE = 78
_ENCODED_WORD_ROOM = 60  # 75 (RFC 2047 section 2) without `=?utf-8?b?` and `?=`, in whole groups of four

_ALLOWED_PREFIXES = ("x-", "list-")
_ALLOWED = frozenset(
    {
        *("in-reply-to", "references", "thread-topic", "thread-index", "archived-at", "feedback-id"),
        *("auto-submitted", "precedence", "importance", "priority", "sensitivity", "expires", "reply-by"),
        *("organization", "comments", "keywords", "disposition-notification-to"),
    }
)
_UNSTRUCTURED_PREFIXES = ("x-", "organization", "comments", "keywords", "thread-topic")
_USE_INSTEAD = {
    "from": "use the field 'from'",
    "to": "use the field 'to'",
    "cc": "use the field 'cc'",
    "bcc": "use the field 'bcc'",
    "reply-to": "use the field 'reply_to'",
    "subject": "use the field 'subject'",
    "sender": "the sender account decides it",
    "return-path": "the sender account decides it",
    "message-id": "the appliance makes it",
    "date": "the appliance makes it",
    "mime-version": "the appliance makes it",
    "received": "servers write it on the way",
    "dkim-signature": "the SMTP server signs the message",
}

_FIELD_NAME = re.compile(r"[!-9;-~]+\Z", re.ASCII)
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_FOLDABLE_SPACE = re.compile(r"(?<=\S) (?=\S)")
_DOT_ATOM = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*\Z")


class InvalidHeader(ApplianceError):
    """A header field that a message may not bring along, or that would break the message."""


def check_header(name: str, value: str) -> None:
    """Raises InvalidHeader, naming what to use instead, unless a message may carry this field of its own."""
    lowered = name.lower()
    if not _FIELD_NAME.match(name) or len(name) > NAME_LIMIT:
        raise InvalidHeader(
            f"{name[:NAME_LIMIT]!r} is no header name: use up to {NAME_LIMIT} ASCII characters, without spaces and ':'."
        )
    if not (lowered.startswith(_ALLOWED_PREFIXES) or lowered in _ALLOWED):
        remedy = _USE_INSTEAD.get(lowered) or _content_remedy(lowered) or f"call it 'X-{name}' if it is your own"
        raise InvalidHeader(f"The header {name!r} cannot be set: {remedy}.")
    _check_value(name, lowered, value)


def new_message_id(domain: str) -> str:
    """A Message-ID that no other message has, with its angle brackets. `domain` that is no domain becomes localhost."""
    try:
        right = domain.strip(".").encode("idna").decode("ascii")
    except UnicodeError:
        right = ""
    return f"<{secrets.token_hex(16)}@{right if _DOT_ATOM.match(right) else 'localhost'}>"


def encode_text(name: str, value: str) -> str:
    """The value of an unstructured field such as Subject. Raises InvalidHeader for control characters."""
    if _UNSAFE.search(value):
        raise InvalidHeader(f"{name} must be one line of text without control characters.")
    if not _plain(value):
        return _encoded_words(value, used=len(name) + 2)
    return value if len(name) + 2 + len(value) <= _LINE else _folded(value, used=len(name) + 2)


def encode_addresses(name: str, addresses: Iterable[Address]) -> str:
    """The value of a field such as To: an address list, one line for as many as fit."""
    lines: list[str] = []
    room = _LINE - len(name) - 2
    for written in map(_mailbox, addresses):
        if lines and len(lines[-1]) + 2 + len(written) <= room:
            lines[-1] += f", {written}"
        else:
            room = room if not lines else _LINE - 2
            lines.append(written)
    return ",\r\n ".join(lines)


def _content_remedy(lowered: str) -> str:
    return "the appliance makes it from 'text', 'html' and 'attachments'" if lowered.startswith("content-") else ""


def _check_value(name: str, lowered: str, value: str) -> None:
    if _UNSAFE.search(value):
        raise InvalidHeader(f"The value of {name!r} must be one line of text without control characters.")
    if len(value) > VALUE_LIMIT:
        raise InvalidHeader(f"The value of {name!r} has {len(value)} characters; the limit is {VALUE_LIMIT}.")
    if lowered.startswith(_UNSTRUCTURED_PREFIXES):
        return
    if any(len(word) > UNBROKEN_LIMIT for word in value.split()):
        raise InvalidHeader(f"The value of {name!r} has a word of more than {UNBROKEN_LIMIT} characters. Shorten it.")


def _plain(value: str) -> bool:
    """Whether a reader who decodes and unfolds gets back exactly `value` when it is written as it is."""
    return (
        value.isascii()
        and "=?" not in value
        and "\t" not in value
        and value == value.strip()
        and (len(value) <= UNBROKEN_LIMIT or all(len(word) <= UNBROKEN_LIMIT for word in value.split()))
    )


def _folded(value: str, used: int) -> str:
    lines = [""]
    for word in _FOLDABLE_SPACE.split(value):
        if lines[-1] and used + len(lines[-1]) + 1 + len(word) > _LINE:
            lines.append(word)
            used = 1
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return "\r\n ".join(lines)


def _mailbox(address: Address) -> str:
    return f"{_phrase(address.name)} <{address.email}>" if address.name else address.email


def _phrase(name: str) -> str:
    # A long quoted string is encoded as well: it could be folded nowhere.
    if _UNSAFE.search(name):
        raise InvalidHeader("A name must be one line of text without control characters.")
    if not _plain(name) or len(name) > _LINE - 10 or "  " in name:
        return _encoded_words(name, used=10)
    if _ATOMS.match(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _encoded_words(value: str, used: int) -> str:
    """RFC 2047, in whichever of its two encodings is shorter; `used` is how much of the first line is taken."""
    raw = value.encode()
    as_base64 = (len(raw) + 2) // 3 * 4 < quoprimime.header_length(raw)
    first = max(12, _ENCODED_WORD_ROOM - used)
    if as_base64:
        words = [base64mime.header_encode(piece, "utf-8") for piece in _pieces(value, first, as_base64=True)]
    else:
        words = [quoprimime.header_encode(piece, "utf-8") for piece in _pieces(value, first, as_base64=False)]
    return "\r\n ".join(words)


def _pieces(value: str, room: int, *, as_base64: bool) -> Iterator[bytes]:
    """Cuts between characters, never inside one, so that each encoded word is text by itself."""
    budget = room // 4 * 3 if as_base64 else room
    piece = b""
    spent = 0
    for character in value:
        encoded = character.encode()
        cost = len(encoded) if as_base64 else quoprimime.header_length(encoded)
        if piece and spent + cost > budget:
            yield piece
            piece, spent = b"", 0
            budget = _ENCODED_WORD_ROOM // 4 * 3 if as_base64 else _ENCODED_WORD_ROOM
        piece += encoded
        spent += cost
    yield piece
