"""Reads back what a mail consists of that the appliance has written itself: all of it, and nobody else's mail.

What others wrote is read by mail_reading.py, which looks at the first part of it only.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_string
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses

from appliance.mail.addresses import Address, InvalidAddress, of
from appliance.mail.headers import InvalidHeader, check_header

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_BODIES = ("text/plain", "text/html")


@dataclass(frozen=True, slots=True)
class KeptFile:
    filename: str
    content_type: str
    content: bytes
    content_id: str | None


@dataclass(frozen=True, slots=True)
class KeptContent:
    """`headers`: those that a message may bring along. Who was a Bcc recipient stands in the envelope alone."""

    sender: Address | None = None
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    html: str | None = None
    files: tuple[KeptFile, ...] = ()


def read(data: bytes) -> KeptContent:
    """Some tens of milliseconds a megabyte. What is no address or no header any more is left out."""
    mail = message_from_string(data.decode("utf-8", "replace"))  # ASCII, but for addresses (mail/mime.py)
    parts = list(_leaves(mail))
    bodies = {one.get_content_type(): _text(one) for one in reversed(parts) if _is_body(one)}
    return KeptContent(
        sender=next(iter(_addresses(mail, "From")), None),
        to=_addresses(mail, "To"),
        cc=_addresses(mail, "Cc"),
        reply_to=_addresses(mail, "Reply-To"),
        headers={name: value for name, value in _headers(mail) if _is_own(name, value)},
        text=bodies.get("text/plain"),
        html=bodies.get("text/html"),
        files=tuple(_file(one) for one in parts if not _is_body(one)),
    )


def _leaves(part: Message) -> Iterator[Message]:
    return (one for one in part.walk() if not one.is_multipart())


def _is_body(part: Message) -> bool:
    return part.get_content_type() in _BODIES and part.get_content_disposition() is None


def _headers(mail: Message) -> Iterator[tuple[str, str]]:
    return ((name, _decoded(value)) for name, value in mail.items())


def _decoded(value: str) -> str:
    unfolded = _FOLD.sub("", value)
    with suppress(MessageError, LookupError, ValueError):  # else it is as it stands
        return str(make_header(decode_header(unfolded)))
    return unfolded


def _is_own(name: str, value: str) -> bool:
    try:
        check_header(name, value)
    except InvalidHeader:
        return False
    return True


def _addresses(mail: Message, name: str) -> tuple[Address, ...]:
    found = []
    for called, email in getaddresses([_FOLD.sub("", one) for one in mail.get_all(name, [])]):
        with suppress(InvalidAddress):
            found.append(of(email, _decoded(called)))
    return tuple(found)


def _text(part: Message) -> str:
    return _bytes(part).decode("utf-8", "replace").replace("\r\n", "\n")


def _bytes(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _file(part: Message) -> KeptFile:
    content_id = _decoded(str(part.get("Content-ID", ""))).strip().strip("<>")
    declared = str(part.get("Content-Type", "application/octet-stream"))
    filename = _decoded(part.get_filename() or "attachment")
    return KeptFile(filename, _FOLD.sub("", declared), _bytes(part), content_id or None)
