"""What is answered to a request that nobody has time for: made without the application, so that it costs little."""

import json

from flask import Flask

from appliance.web import metrics, request_ids
from appliance.web.api.error_codes import TEMPORARILY_UNAVAILABLE as CODE

FOR_PROGRAMS = ("/api/v1", "/metrics")
RETRY_AFTER = "5"  # seconds
DETAIL = "More is asked at once than can be answered. Nothing was done; try again in a few seconds."
_OF_ALL = (
    ("Retry-After", RETRY_AFTER),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)


def refuse(app: Flask, path: str, given_id: str) -> tuple[list[tuple[str, str]], bytes]:
    """The answer, in the place of `app`, which counts it."""
    metrics.count_refused(app, metrics.PROGRAM if path.startswith(FOR_PROGRAMS) else metrics.PERSON)
    return answer(path, given_id)


def answer(path: str, given_id: str) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body, for a program or for a person. `given_id`: the request id that came with it; empty: none."""
    request_id = request_ids.of(given_id)
    kind, body = ("application/problem+json", _problem(request_id)) if path.startswith(FOR_PROGRAMS) else _PLAIN
    return [("Content-Type", kind), (request_ids.HEADER, request_id), *_OF_ALL], body


_PLAIN = ("text/plain; charset=utf-8", f"{DETAIL}\n".encode())


def _problem(request_id: str) -> bytes:
    said = {
        "type": CODE.page,
        "title": CODE.title,
        "status": int(CODE.status),
        "code": CODE.code,
        "detail": DETAIL,
        "errors": [],
        "request_id": request_id,
    }
    return json.dumps(said).encode()
