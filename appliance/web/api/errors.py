"""The one table from errors to HTTP: a status, a stable code, and problem+json (RFC 9457)."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, g, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from appliance.errors import (
    ApplianceError,
    Conflict,
    FieldError,
    Forbidden,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    StorageUnavailable,
    Unavailable,
    WrongState,
)

log = structlog.get_logger(__name__)


class Unauthenticated(ApplianceError):
    """No API key, or one that does not open anything."""


class InvalidJson(ApplianceError):
    """The body is no JSON object."""


CODES: dict[type[ApplianceError], tuple[HTTPStatus, str]] = {
    InvalidJson: (HTTPStatus.BAD_REQUEST, "invalid_json"),
    InvalidInput: (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_fields"),
    Unauthenticated: (HTTPStatus.UNAUTHORIZED, "unauthenticated"),
    Forbidden: (HTTPStatus.FORBIDDEN, "forbidden"),
    NotFound: (HTTPStatus.NOT_FOUND, "not_found"),
    WrongState: (HTTPStatus.CONFLICT, "wrong_state"),
    Conflict: (HTTPStatus.CONFLICT, "conflict"),
    IdempotencyKeyReused: (HTTPStatus.CONFLICT, "idempotency_key_reused"),
    StorageUnavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "storage_unavailable"),
    Unavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable"),
}

_HTTP_CODES = {
    HTTPStatus.NOT_FOUND: ("not_found", "There is nothing at this address. See /api/docs for those that there are."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "This address does not take that method. See /api/docs."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "request_too_large",
        "The request is larger than this appliance takes ([web] max_request_mb).",
    ),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ("unsupported_media_type", "Send JSON, with Content-Type: application/json."),
}


def problem(
    status: HTTPStatus, code: str, detail: str, errors: Iterable[FieldError] = (), headers: dict[str, str] | None = None
) -> Response:
    body: dict[str, Any] = {
        "type": f"/docs/errors/{code}",
        "title": status.phrase,
        "status": int(status),
        "code": code,
        "detail": detail,
        "errors": [{"field": error.field, "message": error.message, "code": error.code} for error in errors],
        "request_id": g.get("request_id", ""),
    }
    return Response(json.dumps(body), status, headers, content_type="application/problem+json")


def register(app: Flask) -> None:
    for kind in (ApplianceError, ValidationError, HTTPException, Exception):
        app.register_error_handler(kind, answer)


def answer(error: Exception) -> Any:
    """The one answer to any error: a problem, or the redirect that an HTTPException can be."""
    match error:
        case ApplianceError():
            return _of_appliance(error)
        case ValidationError():
            return from_validation_of_view(error)
        case HTTPException():
            return _of_http(error)
    return _unexpected(error)


def from_validation(error: ValidationError) -> Any:
    """What flask-openapi3 calls when a request does not fit its schema."""
    if request.method in ("POST", "PUT", "PATCH") and not isinstance(request.get_json(silent=True), dict):
        raise InvalidJson("The body must be a JSON object in UTF-8, sent with Content-Type: application/json.")
    raise InvalidInput(_field_errors(error))


def from_validation_of_view(error: ValidationError) -> Response:
    """A view that checks a shape itself."""
    return _of_appliance(InvalidInput(_field_errors(error)))


def _field_errors(error: ValidationError) -> list[FieldError]:
    return [_field_error(dict(one)) for one in error.errors(include_url=False, include_input=False)]


def _field_error(error: dict[str, Any]) -> FieldError:
    message = str(error["msg"]).removeprefix("Value error, ")
    kind = error["type"]
    if kind == "extra_forbidden":
        return FieldError(
            _path(error["loc"]), "There is no such field; check its spelling in /api/docs.", "unknown_field"
        )
    if kind == "missing":
        return FieldError(_path(error["loc"]), "This field is required.", "required")
    return FieldError(_path(error["loc"]), message[:1].upper() + message[1:], "invalid")


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _of_appliance(error: ApplianceError) -> Response:
    status, code = next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), _INTERNAL)
    if code == _INTERNAL[1]:
        return _unexpected(error)
    errors = error.errors if isinstance(error, InvalidInput) else ()
    detail = "Some fields are not right; see errors." if errors else str(error)
    headers = {HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "5"}, HTTPStatus.UNAUTHORIZED: _CHALLENGE}.get(status)
    return problem(status, code, detail, errors, headers)


def _of_http(error: HTTPException) -> Any:
    status = HTTPStatus(error.code or 500)
    if error.response is not None or status < HTTPStatus.BAD_REQUEST:
        return error
    code, detail = _HTTP_CODES.get(status, (status.name.lower(), error.description or status.phrase))
    return problem(status, code, detail)


def _unexpected(error: Exception) -> Response:
    log.error("a request failed", path=request.path, method=request.method, exc_info=error)
    detail = "Something went wrong here. The log has it under this request_id."
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, _INTERNAL[1], detail)


_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="postroom"'}
_INTERNAL = (HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error")
