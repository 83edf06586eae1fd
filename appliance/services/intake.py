"""The rules for what a message may consist of, one checker a field; each raises ValueError with the remedy in it."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from appliance.config.settings import LimitsSettings
from appliance.errors import FieldError, InvalidInput
from appliance.language import gettext
from appliance.mail import addresses
from appliance.mail.addresses import Address, InvalidAddress
from appliance.mail.headers import InvalidHeader, check_header, encode_text
from appliance.services.submit_message import SubmitMessage

__all__ = [
    "Address",
    "InvalidEntries",
    "TooLarge",
    "address",
    "content_id",
    "email",
    "headers",
    "instant",
    "limit_errors",
    "metadata",
    "plain_text",
    "subject",
    "tag",
    "within_limits",
]

LONGEST_SUBJECT = 998
LONGEST_TAG = 64
LARGEST_METADATA = 16 * 1024
DEEPEST_METADATA = 32
MEGABYTE = 1024 * 1024
_TOO_DEEP = f"has more than {DEEPEST_METADATA} levels"

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


Entry = tuple[tuple[str | int, ...], str]  # a place inside a value, and what would be right there

_NO_SUCH_PART = "there is no such field; an address has 'email' and 'name'"
_NUL_IN_JSON = re.compile(r"(?<!\\)(\\\\)*\\u0000")


class InvalidEntries(ValueError):
    """Several things inside one value are wrong; each comes with its place there and a remedy."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        super().__init__("; ".join(message for _, message in self.entries))


class TooLarge(ValueError):
    """There are more bytes than the limit allows."""


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
    raise ValueError(
        gettext('expected an address such as "ann@example.com" or {"email": "ann@example.com", "name": "Ann"}')
    )


def _from_object(value: Mapping[Any, Any]) -> Address:
    wrong: list[Entry] = [((str(key),), _NO_SUCH_PART) for key in value if key not in ("email", "name")]
    email, name = value.get("email"), value.get("name") or ""
    wrong += _errors_of("email", lambda: addresses.of(_text(email)))
    wrong += _errors_of("name", lambda: addresses.of("a@example.com", _text(name)))
    if wrong:
        raise InvalidEntries(wrong)
    return addresses.of(_text(email), _text(name))


def _errors_of(part: str, check: Callable[[], object]) -> list[Entry]:
    try:
        check()
    except (InvalidAddress, ValueError) as error:
        return [((part,), str(error))]
    return []


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text, and an address needs 'email'")
    return value


def email(value: str) -> str:
    """A bare address, as it was written."""
    try:
        addresses.of(value)
    except InvalidAddress as error:
        raise ValueError(str(error)) from error
    return value


def headers(value: dict[str, str]) -> dict[str, str]:
    """Raises InvalidEntries with every header that a message may not bring along."""
    wrong: list[Entry] = [((name,), message) for name, text in value.items() if (message := _header_error(name, text))]
    names = Counter(name.lower() for name in value)
    wrong += [((name,), "occurs twice; upper and lower case are the same") for name in value if names[name.lower()] > 1]
    if wrong:
        raise InvalidEntries(wrong)
    return value


def _header_error(name: str, value: str) -> str:
    try:
        check_header(name, value)
    except InvalidHeader as error:
        return str(error)
    return ""


def subject(value: str) -> str:
    """What can be written as a header; found out now, because later nobody would be there to mend it."""
    if len(value) > LONGEST_SUBJECT:
        raise ValueError(
            gettext("has %(count)s characters; the limit is %(most)s", count=len(value), most=LONGEST_SUBJECT)
        )
    try:
        encode_text("Subject", value)
    except (InvalidHeader, UnicodeError) as error:
        raise ValueError(gettext("must be one line of text without control characters")) from error
    return value


def plain_text(value: str) -> str:
    """Text of any length that can be stored and sent."""
    if "\0" in value or not _encodable(value):
        raise ValueError(gettext("has characters that are no text (a lone surrogate or NUL)"))
    return value


def instant(value: object) -> datetime:
    """An RFC 3339 moment, in UTC. A space before the offset is taken for the `+` that query strings turn into one."""
    text = value if isinstance(value, str) else ""
    if re.search(r" \d\d:\d\d\Z", text[10:]):
        text = "+".join(text.rsplit(" ", 1))
    if not _INSTANT.match(text):
        raise ValueError(gettext("give a moment with its offset: 2026-11-24T08:00:00Z or 2026-11-24T09:00:00+01:00"))
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(gettext("there is no such moment: %(reason)s", reason=error)) from error


def tag(value: str) -> str:
    if not 0 < len(value) <= LONGEST_TAG or not value.isprintable() or value != value.strip():
        raise ValueError(
            gettext("a tag has 1 to %(most)s printable characters and no space at its ends", most=LONGEST_TAG)
        )
    return value


def content_id(value: str) -> str:
    """Of an inline image, without angle brackets (RFC 2392)."""
    value = value.strip().removeprefix("<").removesuffix(">")
    if not 0 < len(value) <= 200 or not value.isascii() or not value.isprintable() or set(value) & set(" <>"):
        raise ValueError("a Content-ID has 1 to 200 printable ASCII characters, without spaces, '<' and '>'")
    return value


def metadata(value: dict[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise ValueError("has characters that are no text (a lone surrogate)") from error
    except ValueError as error:
        raise ValueError("has a number that is too large for JSON readers") from error
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    if size > LARGEST_METADATA:
        raise TooLarge(f"takes {size} bytes as JSON; the limit is {LARGEST_METADATA}. Keep what is large on your side")
    if _depth_exceeds(value, DEEPEST_METADATA):
        raise ValueError(_TOO_DEEP)
    if _NUL_IN_JSON.search(text):
        raise ValueError("has a NUL character")
    return value


def _depth_exceeds(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if inner is None:
        return False
    return levels == 0 or any(_depth_exceeds(one, levels - 1) for one in inner)


def within_limits(command: SubmitMessage, limits: LimitsSettings) -> None:
    """Raises InvalidInput with every limit that the message as a whole is over."""
    errors = limit_errors(command, limits)
    if errors:
        raise InvalidInput(errors)


def limit_errors(command: SubmitMessage, limits: LimitsSettings) -> list[FieldError]:
    """Every limit that the message as a whole is over."""
    return [*_recipient_errors(command, limits), *_content_errors(command, limits)]


def _recipient_errors(command: SubmitMessage, limits: LimitsSettings) -> list[FieldError]:
    recipients = len(command.to) + len(command.cc) + len(command.bcc)
    if recipients == 0:
        return [FieldError("to", gettext("Name at least one recipient in 'to', 'cc' or 'bcc'."), "required")]
    if recipients > limits.recipients:
        remedy = gettext(
            "There are %(count)s recipients; the limit is %(most)s ([limits] recipients). Send several messages.",
            count=recipients,
            most=limits.recipients,
        )
        return [FieldError("to", remedy, "too_many")]
    return []


def _content_errors(command: SubmitMessage, limits: LimitsSettings) -> list[FieldError]:
    if command.text is None and command.html is None and command.template is None:
        return [FieldError("text", gettext("Give 'text', 'html' or both."), "required")]
    sizes = {
        "html": len((command.html or "").encode()),
        "text": len((command.text or "").encode()),
        "attachments": sum(one.size for one in command.attachments),
    }
    size = sum(sizes.values())
    if size > limits.message_mb * MEGABYTE:
        remedy = gettext(
            "It has %(size)s bytes; the limit is %(most)s MB ([limits] message_mb).", size=size, most=limits.message_mb
        )
        return [FieldError(max(sizes, key=sizes.__getitem__), remedy, "too_large")]
    return []


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
