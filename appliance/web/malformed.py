"""What is answered to what is no HTTP request, or by the server itself: the application never sees it.

Whose address it was meant for cannot always be read, so programs and people are told in the same way.
"""

import json
from http import HTTPStatus

from appliance.web import request_ids
from appliance.web.api import error_codes

LONGEST_WHY = 200  # it may quote the request
_OF_ALL = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)


def answer(status: int, why: str, given_id: str) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body. `given_id`: the request id that came with it, as far as it was read; empty: none."""
    code = error_codes.INTERNAL_ERROR if status == HTTPStatus.INTERNAL_SERVER_ERROR else error_codes.BAD_REQUEST
    request_id = request_ids.of(given_id)
    said = {
        "type": code.page,
        "title": code.title,
        "status": status,
        "code": code.code,
        "detail": why[:LONGEST_WHY],
        "errors": [],
        "request_id": request_id,
    }
    headers = [("Content-Type", "application/problem+json"), (request_ids.HEADER, request_id), *_OF_ALL]
    return headers, json.dumps(said).encode()
