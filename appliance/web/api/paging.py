"""Cursors: opaque, so that clients hand them back instead of making them."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import Any

from appliance.errors import FieldError, InvalidInput

_ID = re.compile(r"[a-z]{3}_[0-9a-z]{1,32}\Z", re.ASCII)
_REMEDY = "Hand back the next_cursor of the page before, or leave it out for the first page."


def page(items: Sequence[Any], next_id: str | None) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": _encode(next_id) if next_id else None}


def decode(cursor: str | None) -> str | None:
    """The id that a cursor stands for; None: the first page. Raises InvalidInput."""
    if not cursor:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error) as error:
        raise InvalidInput([FieldError("cursor", _REMEDY)]) from error
    found, _, checksum = text.partition(".")
    if not _ID.match(found) or checksum != _checksum(found):
        raise InvalidInput([FieldError("cursor", _REMEDY)])
    return found


def _encode(last_id: str) -> str:
    return base64.urlsafe_b64encode(f"{last_id}.{_checksum(last_id)}".encode()).decode().rstrip("=")


def _checksum(last_id: str) -> str:
    """Against cursors that were cut, mistyped or made up: any id would select something."""
    return hashlib.blake2b(last_id.encode(), digest_size=4).hexdigest()
