"""A message as the bytes that go over the wire (RFC 5322, MIME): CRLF, short lines, and never a Bcc field.

`headers` has encoded and folded all values, and bodies come in lines that end with CRLF: all that is left to do is to
put one after the other. The standard library's generator would look at each line again and take three times as long;
its `EmailMessage` takes 1.3 ms a message.

Bodies are always 7-bit safe: as they are when they are short ASCII lines, else quoted-printable or base64, whichever is
shorter. So no server on the way has to convert them, with or without 8BITMIME, and a signature over them survives.
Stuffing dots is the transport's business.
"""

import base64
import binascii
import email.utils
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from appliance.mail.addresses import Address
from appliance.mail.headers import check_header, encode_addresses, encode_text
from appliance.mail.html_text import text_from_html

Field = tuple[str, str]

_LONGEST_LINE = 998  # RFC 5322 section 2.1.1, without CRLF
_PIECE = 64 * 1024  # characters
_BASE64_PIECE = 57 * 1024  # bytes: whole lines
_CONTENT_TYPE = re.compile(r"""[\w.+-]+/[\w.+-]+(;\s*[\w-]+=([\w.:+/-]+|"[^"\\\r\n]*"))*\Z""", re.ASCII)
_UNSAFE_IN_FILENAME = re.compile(r"[\x00-\x1f\x7f/\\\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Part:
    """An attachment; with a `content_id` (no angle brackets) it is shown inside the HTML where `cid:` refers to it."""

    filename: str
    content_type: str
    content: bytes
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What the recipients see. Bcc recipients stand in the envelope alone, so there is no field for them."""

    sender: Address
    to: tuple[Address, ...]
    subject: str
    message_id: str  # with angle brackets
    date: datetime  # aware
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    text: str | None = None
    html: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Part, ...] = ()


def render(content: Content) -> bytes:
    """The same bytes each time for the same content. Raises InvalidHeader for text that would break a header.

    ASCII throughout, but for addresses whose local part is not (RFC 6531). Many megabytes take tenths of a second.
    """
    body = _body(content)
    return "".join(_written([*body.fields, *_fields(content)], body)).encode()


@dataclass(frozen=True, slots=True)
class _Entity:
    """RFC 2045 section 2.4: fields with content, or with parts between boundaries."""

    fields: Sequence[Field]
    content: str = ""
    parts: Sequence["_Entity"] = ()
    boundary: str = ""


def _written(fields: Sequence[Field], entity: _Entity) -> Iterator[str]:
    yield from (f"{name}: {value}\r\n" for name, value in fields)
    yield "\r\n"
    yield entity.content
    for part in entity.parts:
        yield f"--{entity.boundary}\r\n"
        yield from _written(part.fields, part)
        yield "\r\n"
    if entity.parts:
        yield f"--{entity.boundary}--\r\n"


def _fields(content: Content) -> list[Field]:
    fields = [
        ("From", encode_addresses("From", (content.sender,))),
        ("To", encode_addresses("To", content.to) or "undisclosed-recipients:;"),
    ]
    if content.cc:
        fields.append(("Cc", encode_addresses("Cc", content.cc)))
    if content.reply_to:
        fields.append(("Reply-To", encode_addresses("Reply-To", content.reply_to)))
    fields += [
        ("Subject", encode_text("Subject", content.subject)),
        ("Message-ID", encode_text("Message-ID", content.message_id)),
        ("Date", email.utils.format_datetime(content.date)),
        ("MIME-Version", "1.0"),
    ]
    for name, value in content.headers.items():
        check_header(name, value)
        fields.append((name, encode_text(name, value)))
    return fields


def _body(content: Content) -> _Entity:
    shown_inside = [part for part in content.attachments if part.content_id and content.html is not None]
    attached = [part for part in content.attachments if part not in shown_inside]
    body = _readable(content, shown_inside)
    if not attached:
        return body
    return _multipart("mixed", content, [body, *map(_attachment, attached)])


def _readable(content: Content, shown_inside: Sequence[Part]) -> _Entity:
    if content.html is None:
        return _text("plain", content.text or "")
    html = _text("html", content.html)
    if shown_inside:
        html = _multipart("related", content, [html, *map(_attachment, shown_inside)], '; type="text/html"')
    plain = content.text if content.text is not None else text_from_html(content.html)
    return _multipart("alternative", content, [_text("plain", plain), html])


def _multipart(kind: str, content: Content, parts: Sequence[_Entity], parameters: str = "") -> _Entity:
    """The boundary follows from the Message-ID, which nobody could know when they wrote the parts."""
    boundary = f"=_{hashlib.sha256(f'{kind} {content.message_id}'.encode()).hexdigest()[:32]}"
    return _Entity(
        [("Content-Type", f'multipart/{kind}; boundary="{boundary}"{parameters}')], parts=parts, boundary=boundary
    )


def _text(subtype: str, text: str) -> _Entity:
    pieces = list(_lines(text))
    encoding, written = _seven_bit(pieces)
    charset = "us-ascii" if text.isascii() else "utf-8"
    fields = [("Content-Type", f"text/{subtype}; charset={charset}"), ("Content-Transfer-Encoding", encoding)]
    return _Entity(fields, written)


def _lines(text: str) -> Iterator[bytes]:
    """Lines that end with CRLF, many of them in one piece: what is done to a piece holds the interpreter for its time.

    A piece ends where a line does, or in the middle of a line that is longer than a piece.
    """
    start = 0
    while start < len(text):
        end = start + _PIECE
        if end < len(text):
            end = text.rfind("\n", start, end) + 1 or end - (text[end - 1] == "\r")  # its LF may come after it
        piece = text[start:end].replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
        yield piece.encode(errors="replace")
        start = end


def _seven_bit(pieces: Sequence[bytes]) -> tuple[str, str]:
    if all(map(_is_seven_bit, pieces)) and _short_where_cut(pieces):
        return "7bit", "".join(piece.decode("ascii") for piece in pieces)
    quoted = [_quoted(piece) for piece in pieces]
    if sum(map(len, quoted)) <= sum(map(len, pieces)) * 4 // 3:
        return "quoted-printable", "".join(_quoted_lines(pieces, quoted))
    return "base64", _base64(b"".join(pieces))


def _is_seven_bit(piece: bytes) -> bool:
    return piece.isascii() and b"\0" not in piece and max(map(len, piece.split(b"\r\n"))) <= _LONGEST_LINE


def _short_where_cut(pieces: Sequence[bytes]) -> bool:
    """A line that goes on in the next piece is longer than a line may be."""
    return all(piece.endswith(b"\r\n") for piece in pieces[:-1])


def _quoted(piece: bytes) -> bytes:
    written = binascii.b2a_qp(piece, istext=True)
    return written if b"\n" in piece else written.replace(b"\n", b"\r\n")  # it ends lines as those that it finds end


def _quoted_lines(pieces: Sequence[bytes], quoted: Sequence[bytes]) -> Iterator[str]:
    for number, (piece, written) in enumerate(zip(pieces, quoted, strict=True), 1):
        yield written.decode("ascii")
        if number < len(pieces) and not piece.endswith(b"\r\n"):
            yield "=\r\n"


def _base64(raw: bytes) -> str:
    pieces = (raw[start : start + _BASE64_PIECE] for start in range(0, len(raw), _BASE64_PIECE))
    return "".join(base64.encodebytes(piece).decode("ascii").replace("\n", "\r\n") for piece in pieces)


def _attachment(part: Part) -> _Entity:
    disposition = "attachment" if part.content_id is None else "inline"
    fields = [
        ("Content-Type", _content_type(part)),
        ("Content-Transfer-Encoding", "base64"),
        ("Content-Disposition", f"{disposition};{_filename(part.filename)}"),
    ]
    if part.content_id is not None:
        fields.append(("Content-ID", encode_text("Content-ID", f"<{part.content_id.strip('<>')}>")))
    return _Entity(fields, _base64(part.content))


def _content_type(part: Part) -> str:
    """message/rfc822 and multipart must not be base64 (RFC 2045 section 6.4), so those travel as plain files."""
    declared = part.content_type.strip()
    if not _CONTENT_TYPE.match(declared) or declared.lower().startswith(("message/", "multipart/")):
        return "application/octet-stream"
    return declared


def _filename(name: str) -> str:
    """The filename parameter: quoted when it is short ASCII, else RFC 2231 with continuations."""
    safe = _UNSAFE_IN_FILENAME.sub("_", name) or "attachment"
    if safe.isascii() and len(safe) <= 60:
        escaped = safe.replace('"', '\\"')
        return f'\r\n filename="{escaped}"'
    encoded = email.utils.encode_rfc2231(safe, "utf-8")
    if len(encoded) <= 60:
        return f"\r\n filename*={encoded}"
    return ";".join(f"\r\n filename*{index}*={piece}" for index, piece in enumerate(_percent_pieces(encoded)))


def _percent_pieces(encoded: str) -> list[str]:
    """At most 60 characters each, without cutting through a `%E4`."""
    return re.findall(r"(?:%[0-9A-F]{2}|[^%]){1,20}", encoded)
