"""The rules for what a message may consist of, one checker a field; each raises ValueError with the remedy in it."""

import json
from collections.abc import Mapping
from typing import Any

from appliance.config.settings import LimitsSettings
from appliance.errors import FieldError, InvalidInput
from appliance.mail import addresses
from appliance.mail.addresses import Address, InvalidAddress
from appliance.mail.headers import InvalidHeader, check_header
from appliance.services.submission import SubmitMessage

__all__ = ["Address", "address", "body", "content_id", "header", "metadata", "one_line", "tag", "within_limits"]

LONGEST_SUBJECT = 998
LONGEST_TAG = 64
LARGEST_METADATA = 16 * 1024
MEGABYTE = 1024 * 1024


def address(value: object) -> Address:
    """`"ann@example.com"`, `"Ann <ann@example.com>"` or `{"email": ..., "name": ...}`."""
    if isinstance(value, Address):
        return value
    try:
        if isinstance(value, str):
            return addresses.parse(value)
        if isinstance(value, Mapping):
            return _from_object(value)
    except InvalidAddress as error:
        raise ValueError(str(error)) from error
    raise ValueError('expected an address such as "ann@example.com" or {"email": "ann@example.com", "name": "Ann"}')


def _from_object(value: Mapping[Any, Any]) -> Address:
    if unknown := set(value) - {"email", "name"}:
        raise ValueError(f"unknown field {sorted(map(str, unknown))[0]!r}; an address has 'email' and 'name'")
    email, name = value.get("email"), value.get("name") or ""
    if not isinstance(email, str) or not isinstance(name, str):
        raise ValueError("'email' must be a text, and 'name' too if it is given")
    return addresses.of(email, name)


def header(name: str, value: str) -> None:
    try:
        check_header(name, value)
    except InvalidHeader as error:
        raise ValueError(str(error)) from error


def one_line(value: str) -> str:
    """A subject."""
    if any(char in value for char in "\r\n\0") or not _encodable(value):
        raise ValueError("must be one line of text without control characters")
    if len(value) > LONGEST_SUBJECT:
        raise ValueError(f"has {len(value)} characters; the limit is {LONGEST_SUBJECT}")
    return value


def body(value: str) -> str:
    if not _encodable(value) or "\0" in value:
        raise ValueError("has characters that are no text (a lone surrogate or NUL)")
    return value


def tag(value: str) -> str:
    if not 0 < len(value) <= LONGEST_TAG or not value.isprintable() or value != value.strip():
        raise ValueError(f"a tag has 1 to {LONGEST_TAG} printable characters and no space at its ends")
    return value


def content_id(value: str) -> str:
    """Of an inline image, without angle brackets (RFC 2392)."""
    value = value.strip().removeprefix("<").removesuffix(">")
    if not 0 < len(value) <= 200 or not value.isascii() or not value.isprintable() or set(value) & set(" <>"):
        raise ValueError("a Content-ID has 1 to 200 printable ASCII characters, without spaces, '<' and '>'")
    return value


def metadata(value: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(value)
    if len(text) > LARGEST_METADATA:
        raise ValueError(f"takes {len(text)} bytes as JSON; the limit is {LARGEST_METADATA}")
    if "\\u0000" in text or "\\ud" in text.lower():
        raise ValueError("has characters that are no text (a lone surrogate or NUL)")
    return value


def within_limits(command: SubmitMessage, limits: LimitsSettings) -> None:
    """Raises InvalidInput with every limit that the message as a whole is over."""
    errors = [*_recipient_errors(command, limits), *_content_errors(command, limits)]
    if errors:
        raise InvalidInput(errors)


def _recipient_errors(command: SubmitMessage, limits: LimitsSettings) -> list[FieldError]:
    recipients = len(command.to) + len(command.cc) + len(command.bcc)
    if recipients == 0:
        return [FieldError("to", "Name at least one recipient in 'to', 'cc' or 'bcc'.", "required")]
    if recipients > limits.recipients:
        remedy = f"the limit is {limits.recipients} ([limits] recipients). Send several messages."
        return [FieldError("to", f"There are {recipients} recipients; {remedy}", "too_many")]
    return []


def _content_errors(command: SubmitMessage, limits: LimitsSettings) -> list[FieldError]:
    if command.text is None and command.html is None:
        return [FieldError("text", "Give 'text', 'html' or both.", "required")]
    size = len((command.text or "").encode()) + len((command.html or "").encode())
    size += sum(one.size for one in command.attachments)
    if size > limits.message_mb * MEGABYTE:
        remedy = f"the limit is {limits.message_mb} MB ([limits] message_mb)"
        return [FieldError("html" if command.html else "text", f"It has {size} bytes; {remedy}.", "too_large")]
    return []


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
