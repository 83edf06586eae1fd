"""What every error answer must look like, whatever went wrong."""

from typing import Any

from werkzeug.test import TestResponse

from appliance.web.api.documents import Problem
from appliance.web.api.error_codes import ERROR_CODES


def problem_of(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The problem, after its form was checked."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = answer.get_json()
    Problem.model_validate(body)
    assert body["code"] == code
    assert body["type"] == ERROR_CODES[code].page
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-ID"]
    return body


def wrong_fields(answer: TestResponse) -> dict[str, str]:
    """Path to code of each wrong field."""
    return {one["field"]: one["code"] for one in problem_of(answer, 422, "invalid_fields")["errors"]}
