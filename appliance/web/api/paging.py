"""Cursors: opaque, so that clients hand them back instead of making them."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from appliance.errors import FieldError, InvalidInput


def page(items: Sequence[Any], next_id: str | None) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": _encode(next_id) if next_id else None}


def decode(cursor: str | None) -> str | None:
    """The id that a cursor stands for. Raises InvalidInput."""
    if not cursor:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error) as error:
        remedy = "Hand back the next_cursor of the page before, or leave it out for the first page."
        raise InvalidInput([FieldError("cursor", remedy)]) from error


def _encode(last_id: str) -> str:
    return base64.urlsafe_b64encode(last_id.encode()).decode().rstrip("=")
