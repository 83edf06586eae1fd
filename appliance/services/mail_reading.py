"""Reads a mail as a recipient's program would: headers, text, HTML, attachments. Whoever wrote it may be hostile.

Parsing cannot leave the event loop, so only the first part of a large mail is read; the rest can be downloaded.
"""

import base64
import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.policy import Compat32
from itertools import islice
from urllib.parse import unquote

LARGEST_READ = 2 * 1024 * 1024  # bytes of a mail, for about 50 ms
MOST_LINES = 50_000  # a mail of nothing but boundaries takes that long for a quarter of a million bytes
LONGEST_BODY = 512 * 1024  # characters shown of a text or HTML
MOST_PARTS = 200
MOST_HEADERS = 200
LONGEST_HEADER = 4096
LARGEST_IMAGES = 4 * 1024 * 1024  # bytes of images put into one HTML
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
SLOW_CODECS = ("punycode", "idna")  # quadratic, and no mail is written in them

_CID = re.compile(r"""(["'(=]\s*)cid:([^"'()\s>]{1,998})""", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}", re.IGNORECASE)


class _ShortHeaders(Compat32):
    """Drops what a header is too long by: the time to parse its parameters grows with the square of its length."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:LONGEST_HEADER]


_POLICY = _ShortHeaders()


@dataclass(frozen=True, slots=True)
class ReadAttachment:
    """`complete` is False when the mail was too large to be read to the attachment's end."""

    filename: str
    content_type: str
    content: bytes
    content_id: str
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ReadMail:
    """`cut` says that the mail goes on beyond what was read."""

    headers: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    attachments: tuple[ReadAttachment, ...]
    cut: bool

    def html_with_images(self) -> str:
        """The HTML, with images that came with the mail in place of their `cid:` addresses (RFC 2392)."""
        return _CID.sub(_Images(self.attachments).embed, self.html or "")


def read(data: bytes) -> ReadMail:
    """Never raises: what cannot be understood is left out, and stands in the source."""
    first = b"\n".join(data[:LARGEST_READ].split(b"\n", MOST_LINES)[:MOST_LINES])
    cut = len(first) < len(data)
    try:
        return _understood(message_from_bytes(first, policy=_POLICY), cut=cut)
    except (RecursionError, MessageError, ValueError, LookupError):  # nested without end, or no mail at all
        return ReadMail((), data[:LONGEST_BODY].decode("utf-8", "replace"), None, (), cut)


def _understood(mail: Message, *, cut: bool) -> ReadMail:
    parts = list(islice(_leaves(mail), MOST_PARTS))
    text, html, rest = _sorted_out(parts)
    last = parts[-1] if parts else None
    return ReadMail(
        headers=tuple((name, _header(value)) for name, value in islice(mail.items(), MOST_HEADERS)),
        text=text,
        html=html,
        attachments=tuple(_attachment(part, complete=not (cut and part is last)) for part in rest),
        cut=cut,
    )


def _leaves(part: Message) -> Iterator[Message]:
    """Parts that hold content. A forwarded mail is one of them: it is not looked into."""
    children = part.get_payload()
    if part.is_multipart() and isinstance(children, list) and part.get_content_maintype() == "multipart":
        for child in children:
            if isinstance(child, Message):
                yield from _leaves(child)
    else:
        yield part


def _sorted_out(parts: list[Message]) -> tuple[str | None, str | None, list[Message]]:
    """The first text, the first HTML, and everything else."""
    bodies: dict[str, str] = {}
    rest = []
    for part in parts:
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html") and kind not in bodies and not _is_file(part):
            bodies[kind] = _decoded(part)
        else:
            rest.append(part)
    return bodies.get("text/plain"), bodies.get("text/html"), rest


def _is_file(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or _filename(part) != ""


def _decoded(part: Message) -> str:
    charset = str(part.get_content_charset() or "utf-8")
    return _text(_bytes(part), charset)[:LONGEST_BODY]


def _bytes(part: Message) -> bytes:
    payload = part.get_payload()
    if isinstance(payload, list):  # message/rfc822 and its like
        return b"\n".join(bytes(one) for one in payload if isinstance(one, Message))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(data: bytes, charset: str) -> str:
    try:
        if codecs.lookup(charset).name not in SLOW_CODECS:
            return data.decode(charset, "replace")
    except (LookupError, ValueError):  # unknown, or made for something else than text
        pass
    return data.decode("utf-8", "replace")


def _header(value: object) -> str:
    text = str(value)
    with suppress(MessageError, LookupError, ValueError):  # else it is shown as it came
        text = str(make_header(decode_header(text)))
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _attachment(part: Message, *, complete: bool) -> ReadAttachment:
    content_type = part.get_content_type()
    if not _MEDIA_TYPE.fullmatch(content_type):
        content_type = "application/octet-stream"
    content_id = str(part.get("Content-ID", "")).strip().strip("<>")
    return ReadAttachment(
        _filename(part) or _usual_name(content_type), content_type, _bytes(part), content_id, complete
    )


def _filename(part: Message) -> str:
    """The last part of a path, without what a file system or a header could trip over."""
    try:
        name = _header(part.get_filename() or "")
    except (LookupError, ValueError):
        return ""
    name = "".join(char for char in re.split(r"[/\\]", name)[-1] if char.isprintable())
    return name.strip(". ")[-200:]


def _usual_name(content_type: str) -> str:
    return "message.eml" if content_type == "message/rfc822" else "attachment"


class _Images:
    """Puts images into HTML, until that has grown by `LARGEST_IMAGES`."""

    def __init__(self, attachments: tuple[ReadAttachment, ...]) -> None:
        self._by_id = {one.content_id: one for one in attachments if one.complete and one.content_type in IMAGES}
        self._left = LARGEST_IMAGES

    def embed(self, found: re.Match[str]) -> str:
        image = self._by_id.get(unquote(found[2]))
        if image is None or len(image.content) > self._left:
            return found[0]
        self._left -= len(image.content)
        return f"{found[1]}data:{image.content_type};base64,{base64.b64encode(image.content).decode()}"
