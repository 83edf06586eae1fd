"""Errors as pages, for browsers. What went wrong is decided in one place, web/api/errors.py; here it gets a face."""

from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, render_template, request
from flask_wtf.csrf import CSRFError
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from appliance.errors import ApplianceError
from appliance.web.api import errors

FOR_PROGRAMS = ("/api/v1", "/api/openapi.json", "/metrics", "/health")
KEPT_HEADERS = ("Retry-After", "Allow")


def register(app: Flask) -> None:
    """Goes after `errors.register`, whose handlers it takes the place of."""
    for kind in (ApplianceError, ValidationError, HTTPException, Exception):
        app.register_error_handler(kind, _answer)


def _answer(error: Exception) -> Any:
    answer = errors.answer(error)
    if not isinstance(answer, Response) or not _for_a_person():
        return answer
    problem = answer.get_json()
    code = "stale_form" if isinstance(error, CSRFError) else problem["code"]
    page = _page(answer.status_code, problem=problem, code=code)
    return page, answer.status_code, {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}


def _page(status: int, **facts: Any) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # perhaps the database is gone: do not ask it who is signed in
        return current_app.jinja_env.get_template("error.html").render(**facts)
    return render_template("error.html", **facts)


def _for_a_person() -> bool:
    return not request.path.startswith(FOR_PROGRAMS) and (
        request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
    )
