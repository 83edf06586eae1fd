"""The one table from errors to HTTP: a status, a stable code, and problem+json (RFC 9457)."""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, current_app, g, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from appliance.errors import (
    ApplianceError,
    Conflict,
    ContentRemoved,
    DiskFull,
    FieldError,
    Forbidden,
    IdempotencyKeyReused,
    InvalidInput,
    LimitReached,
    NotAllowed,
    NotFound,
    QueryTooSlow,
    QueueFull,
    QuotaUsedUp,
    RateLimited,
    StorageUnavailable,
    TooManyFailures,
    Unavailable,
    WrongState,
)
from appliance.language import gettext
from appliance.sentences import kept
from appliance.web.api import error_codes, limits
from appliance.web.api.error_codes import ErrorCode
from appliance.web.api.field_errors import are_too_many, field_errors

log = structlog.get_logger(__name__)

RETRY_AFTER = "5"  # seconds


class Unauthenticated(ApplianceError):
    """No API key, or one that does not open anything."""


class InvalidJson(ApplianceError):
    """The body is no JSON object."""


CODES: Mapping[type[ApplianceError], ErrorCode] = {
    InvalidJson: error_codes.INVALID_JSON,
    InvalidInput: error_codes.INVALID_FIELDS,
    Unauthenticated: error_codes.UNAUTHENTICATED,
    Forbidden: error_codes.FORBIDDEN,
    NotAllowed: error_codes.NOT_ALLOWED,
    RateLimited: error_codes.RATE_LIMITED,
    QuotaUsedUp: error_codes.QUOTA_USED_UP,
    QueueFull: error_codes.QUEUE_FULL,
    DiskFull: error_codes.DISK_FULL,
    TooManyFailures: error_codes.TOO_MANY_FAILURES,
    NotFound: error_codes.NOT_FOUND,
    WrongState: error_codes.WRONG_STATE,
    ContentRemoved: error_codes.CONTENT_REMOVED,
    Conflict: error_codes.CONFLICT,
    IdempotencyKeyReused: error_codes.IDEMPOTENCY_KEY_REUSED,
    QueryTooSlow: error_codes.QUERY_TOO_SLOW,
    StorageUnavailable: error_codes.STORAGE_UNAVAILABLE,
    Unavailable: error_codes.TEMPORARILY_UNAVAILABLE,
}

_HTTP_CODES: Mapping[int, tuple[ErrorCode, str]] = {
    HTTPStatus.NOT_FOUND: (
        error_codes.NOT_FOUND,
        "There is nothing at this address. See /api/docs for those that there are.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        error_codes.METHOD_NOT_ALLOWED,
        "This address does not take that method. See /api/docs.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        error_codes.REQUEST_TOO_LARGE,
        kept("The request is larger than this appliance takes ([web] max_request_mb)."),
    ),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        error_codes.UNSUPPORTED_MEDIA_TYPE,
        "Send JSON, with Content-Type: application/json.",
    ),
}


def problem(
    code: ErrorCode,
    detail: str,
    errors: Iterable[FieldError] = (),
    *,
    status: HTTPStatus | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`status` is the code's own unless given."""
    status = status or code.status
    body: dict[str, Any] = {
        "type": code.page,
        "title": code.title,
        "status": int(status),
        "code": code.code,
        "detail": detail,
        "errors": [{"field": error.field, "message": error.message, "code": error.code} for error in errors],
        "request_id": g.get("request_id", ""),
    }
    return Response(json.dumps(body), status, dict(headers or {}), content_type="application/problem+json")


def register(app: Flask) -> None:
    for kind in (ApplianceError, ValidationError, HTTPException, Exception):
        app.register_error_handler(kind, answer)


def answer(error: Exception) -> Any:
    """The one answer to any error: a problem, or the redirect that an HTTPException can be."""
    match error:
        case ApplianceError():
            return _of_appliance(error)
        case ValidationError():
            return _of_appliance(InvalidInput(field_errors(error)))
        case HTTPException():
            return _of_http(error)
    return _unexpected(error)


def from_validation(error: ValidationError) -> Any:
    """What flask-openapi3 calls when a request does not fit its schema."""
    view = current_app.view_functions.get(request.endpoint or "")
    second_look = getattr(view, "second_look", None)
    further = second_look(request.get_json(silent=True), error) if second_look and not are_too_many(error) else ()
    raise InvalidInput([*field_errors(error), *further])


def _of_appliance(error: ApplianceError) -> Response:
    code = next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), None)
    if code is None:
        return _unexpected(error)
    errors = error.errors if isinstance(error, InvalidInput) else ()
    detail = gettext(DETAILS[code]) if errors and code in DETAILS else str(error)
    headers = limits.reached(error) if isinstance(error, LimitReached) else _HEADERS.get(code.status)
    return problem(code, detail, errors, headers=headers)


def _of_http(error: HTTPException) -> Any:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if error.response is not None or status < HTTPStatus.BAD_REQUEST:
        return error
    usual = error_codes.BAD_REQUEST if status < HTTPStatus.INTERNAL_SERVER_ERROR else error_codes.INTERNAL_ERROR
    code, detail = _HTTP_CODES.get(status, (usual, error.description or status.phrase))
    return problem(code, gettext(detail), status=status, headers=_named_by(error))


def _named_by(error: HTTPException) -> dict[str, str]:
    """What the error says beside its text: Allow of a 405 (RFC 9110 section 15.5.6), Retry-After."""
    return {name: value for name, value in error.get_headers() if name != "Content-Type"}


def _unexpected(error: Exception) -> Response:
    log.error("a request failed", path=request.path, method=request.method, exc_info=error)
    return problem(error_codes.INTERNAL_ERROR, "Something went wrong here. The log has it under this request_id.")


DETAILS: Mapping[ErrorCode, str] = {
    error_codes.INVALID_FIELDS: kept("Some fields are not right; see errors."),
    error_codes.NOT_ALLOWED: kept("This API key may not do that; errors says what it may."),
}

_HEADERS: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": RETRY_AFTER},
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="postroom"'},
}
