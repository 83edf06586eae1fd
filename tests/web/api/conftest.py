"""Whatever the tests of the API provoke, its OpenAPI document has to know."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, request, request_finished

from appliance.web.api.limits import OF_QUOTA, OF_RATE
from appliance.web.api.openapi import operations


@pytest.fixture(scope="session")
def documented(assembled: Flask) -> dict[tuple[str, str], dict[str, Any]]:
    """The answers of each operation, by its path and method."""
    document = assembled.api_doc  # type: ignore[attr-defined]  # of flask-openapi3
    return {(path, method): operation["responses"] for path, method, operation in operations(document)}


@pytest.fixture(scope="session")
def views(assembled: Flask) -> dict[str, Any]:
    """Those that there really are; some tests play others."""
    return dict(assembled.view_functions)


@pytest.fixture(autouse=True)
def every_answer_is_documented(
    documented: dict[tuple[str, str], dict[str, Any]], views: dict[str, Any]
) -> Iterator[None]:
    """Its status, its code if it is an error, and the headers that programs act upon."""
    unknown: set[str] = set()

    def look(app: Flask, response: Response, **_: Any) -> None:
        operation, endpoint = _operation(), request.endpoint or ""
        if operation in documented and app.view_functions[endpoint] is views[endpoint]:
            unknown.update(f"{operation}: {one}" for one in _unknown(response, documented[operation]))

    with request_finished.connected_to(look):
        yield
    assert not unknown


def _operation() -> tuple[str, str]:
    rule = request.url_rule.rule if request.url_rule is not None else ""
    return re.sub(r"<(?:[^<:>]+:)?([^<>]+)>", r"{\1}", rule), request.method.lower()


def _unknown(response: Response, documented: dict[str, Any]) -> Iterator[str]:
    there = documented.get(str(response.status_code))
    if there is None:
        yield f"status {response.status_code}"
        return
    for header in ("Idempotent-Replay", "Retry-After", *OF_QUOTA, *OF_RATE):
        if header in response.headers and header not in there["headers"]:
            yield f"header {header} of {response.status_code}"
    if response.content_type == "application/problem+json":
        code = (response.get_json() or {})["code"]
        if code not in there["content"]["application/problem+json"]["examples"]:
            yield f"code {code}"
