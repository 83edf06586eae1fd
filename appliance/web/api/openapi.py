"""Completes the OpenAPI document: which scope opens an operation, how it can fail, and what its answer looks like."""

import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from flask_openapi3 import OpenAPI

from appliance.web.api import error_codes, limits
from appliance.web.api.authentication import ANY
from appliance.web.api.bodies import METHODS
from appliance.web.api.box_documents import EXAMPLES as BOX_EXAMPLES
from appliance.web.api.commands import IDEMPOTENCY_PARAMETER
from appliance.web.api.documents import Problem
from appliance.web.api.error_codes import ERROR_CODES, ErrorCode
from appliance.web.api.examples import EXAMPLES
from appliance.web.api.job_documents import EXAMPLES as JOB_EXAMPLES
from appliance.web.api.key_documents import EXAMPLES as KEY_EXAMPLES
from appliance.web.api.retention_documents import EXAMPLES as RETENTION_EXAMPLES
from appliance.web.api.statistics_documents import EXAMPLES as STATISTICS_EXAMPLES
from appliance.web.api.template_examples import EXAMPLES as TEMPLATE_EXAMPLES
from appliance.web.api.webhook_documents import EXAMPLES as WEBHOOK_EXAMPLES

SCHEMAS = "#/components/schemas/"
HEADERS = "#/components/headers/"

ALWAYS = (
    error_codes.UNAUTHENTICATED,
    error_codes.FORBIDDEN,
    error_codes.INVALID_FIELDS,
    error_codes.RATE_LIMITED,
    error_codes.TOO_MANY_FAILURES,
    error_codes.INTERNAL_ERROR,
    error_codes.QUERY_TOO_SLOW,
    error_codes.STORAGE_UNAVAILABLE,
    error_codes.TEMPORARILY_UNAVAILABLE,
)
"""Also INVALID_FIELDS: an option that an operation does not take is refused by name."""
WITH_METHOD = (error_codes.INVALID_JSON, error_codes.REQUEST_TOO_LARGE)
"""Where a body could come: one that is not wanted is refused."""
_EXAMPLES = {
    **EXAMPLES,
    **TEMPLATE_EXAMPLES,
    **STATISTICS_EXAMPLES,
    **KEY_EXAMPLES,
    **WEBHOOK_EXAMPLES,
    **JOB_EXAMPLES,
    **RETENTION_EXAMPLES,
    **BOX_EXAMPLES,
}
SUBMITTING = ("submit_message", "submit_batch")
"""Operations whose messages are counted against the quota of the key, and need room in the queue and on the disk."""
KEEPING = (*SUBMITTING, "upload_attachment")
"""Operations that need room on the disk."""

_REQUEST_ID = {
    "description": "The request's own X-Request-ID if it had one; it stands in the log as well.",
    "schema": {"type": "string"},
}
_REPLAY = {
    "description": "`true`: this is the first answer again, and nothing was done. Else it is left out.",
    "schema": {"type": "string", "enum": ["true"]},
}
_RETRY_AFTER = {"description": "Seconds to wait before the request is repeated.", "schema": {"type": "integer"}}
WAITED_FOR = {error_codes.RATE_LIMITED.status, error_codes.QUEUE_FULL.status, error_codes.DISK_FULL.status}
"""Answers after which the same request makes sense once more."""


def complete(app: OpenAPI) -> None:
    """Goes after the last operation was registered; the document is made once."""
    document = app.api_doc  # made here, kept and served by flask-openapi3
    _set_components(document["components"], unused=app.validation_error_model.__name__)
    views = _views(app)
    for path, method, operation in operations(document):
        _complete(operation, method, views[path, method])


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method in lower case, operation."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _set_components(components: dict[str, Any], *, unused: str) -> None:
    """flask-openapi3's own shape of an error is not ours."""
    schemas = components["schemas"]
    for name in [name for name in schemas if name in (unused, "ValidationErrorDetail")]:
        del schemas[name]
    problem = Problem.model_json_schema(ref_template=SCHEMAS + "{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    of_limits = {name: _limit_header(text) for name, text in limits.DESCRIPTIONS.items()}
    others = {"X-Request-ID": _REQUEST_ID, "Idempotent-Replay": _REPLAY, "Retry-After": _RETRY_AFTER}
    components["headers"] = {**others, **of_limits}


def _limit_header(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "integer"}}


def _views(app: OpenAPI) -> dict[tuple[str, str], Callable[..., Any]]:
    return {
        (re.sub(r"<(?:[^<:>]+:)?([^<>]+)>", r"{\1}", rule.rule), method.lower()): view
        for rule in app.url_map.iter_rules()
        if hasattr(view := app.view_functions[rule.endpoint], "scope")
        for method in rule.methods or ()
    }


def _complete(operation: dict[str, Any], method: str, view: Callable[..., Any]) -> None:
    _say_scope(operation, view.__dict__["scope"])
    repeatable = hasattr(view, "repeatable")
    if repeatable:
        operation.setdefault("parameters", []).append(IDEMPOTENCY_PARAMETER)
    responses = operation["responses"]
    responses.pop("422", None)  # flask-openapi3's own
    for answer in responses.values():
        _give_example(answer)
    for code in _codes(operation, method, view):
        _add_problem(responses, code)
    submits = operation["operationId"] in SUBMITTING
    operation["responses"] = {
        status: _with_headers(responses[status], _headers(status, submits, repeatable)) for status in sorted(responses)
    }


def _say_scope(operation: dict[str, Any], scope: str) -> None:
    described = operation.get("description", "").replace("<br/>", " ")
    needed = "with any scope" if scope == ANY else f"with the scope `{scope}`"
    operation["description"] = f"{described} Needs an API key {needed}.".strip()
    roles = [] if scope == ANY else [scope]  # OpenAPI 3.1 lets any kind of scheme name the roles it needs
    operation["security"] = [{"api_key": roles}]


def _give_example(answer: dict[str, Any]) -> None:
    content = answer.get("content", {}).get("application/json")
    if content is not None:
        content["example"] = _EXAMPLES[content["schema"]["$ref"].removeprefix(SCHEMAS)]


def _codes(operation: dict[str, Any], method: str, view: Callable[..., Any]) -> Iterator[ErrorCode]:
    """In the order of the table, each once."""
    possible = {*ALWAYS, *getattr(view, "refusals", ())}
    if method.upper() in METHODS:
        possible |= set(WITH_METHOD)
    if "requestBody" in operation:
        possible.add(error_codes.NOT_ALLOWED)
    if operation["operationId"] in SUBMITTING:
        possible |= {error_codes.QUOTA_USED_UP, error_codes.QUEUE_FULL}
    if operation["operationId"] in KEEPING:
        possible.add(error_codes.DISK_FULL)
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        possible.add(error_codes.UNSUPPORTED_MEDIA_TYPE)
    if any(one["in"] == "path" for one in operation.get("parameters", [])):
        possible.add(error_codes.NOT_FOUND)
    if hasattr(view, "repeatable"):
        possible.add(error_codes.IDEMPOTENCY_KEY_REUSED)
    return (code for code in ERROR_CODES.values() if code in possible)


def _add_problem(responses: dict[str, Any], code: ErrorCode) -> None:
    answer = responses.setdefault(
        str(int(code.status)),
        {
            "description": "",
            "content": {"application/problem+json": {"schema": {"$ref": f"{SCHEMAS}Problem"}, "examples": {}}},
        },
    )
    answer["description"] = f"{answer['description']} `{code.code}`: {code.title}.".strip()
    answer["content"]["application/problem+json"]["examples"][code.code] = {"value": _example(code)}


def _example(code: ErrorCode) -> dict[str, Any]:
    wrong = {"field": "to[0]", "message": "Write it as name@example.com.", "code": "invalid"}
    return {
        "type": code.page,
        "title": code.title,
        "status": int(code.status),
        "code": code.code,
        "detail": code.remedy,
        "errors": [wrong] if code is error_codes.INVALID_FIELDS else [],
        "request_id": "req_5b1c7e0f9a2d4c6e8b3f1a70",
    }


def _headers(status: str, submits: bool, repeatable: bool) -> tuple[str, ...]:
    names = ("X-Request-ID", *limits.OF_RATE, *(limits.OF_QUOTA if submits else ()))
    if repeatable and status == str(int(HTTPStatus.ACCEPTED)):
        names += ("Idempotent-Replay",)
    return (*names, "Retry-After") if int(status) in WAITED_FOR else names


def _with_headers(answer: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {**answer, "headers": {**answer.get("headers", {}), **{name: {"$ref": HEADERS + name} for name in names}}}
