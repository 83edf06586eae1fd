"""One id a request: taken from X-Request-ID or made here, in every answer, and in every log line that it leads to."""

import re
import secrets

import structlog
from flask import Flask, Response, g, request

HEADER = "X-Request-ID"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}\Z", re.ASCII)


def register(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_answer)
    app.teardown_request(_end)


def of(given: str) -> str:
    """The id that came with a request, if it is one, else a new one."""
    return given if _ACCEPTABLE.match(given) else f"req_{secrets.token_hex(12)}"


def _begin() -> None:
    g.request_id = of(request.headers.get(HEADER, ""))
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _answer(response: Response) -> Response:
    response.headers[HEADER] = g.get("request_id", "")
    return response


def _end(_error: BaseException | None) -> None:
    structlog.contextvars.unbind_contextvars("request_id")
