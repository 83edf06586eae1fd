"""/api/docs: the API, to read and to try out. Swagger UI comes from its package; nothing is loaded from elsewhere.

Swagger UI is half as heavy again as all else that a page may bring, so the page first lists the operations by itself,
which needs no JavaScript, and fetches Swagger UI when somebody opens one of them.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from flask import Blueprint, Flask, current_app, make_response, redirect, render_template, url_for

from appliance.web import security

blueprint = Blueprint("api_docs", __name__, url_prefix="/api/docs")

# pages of flask-openapi3 that start by inline scripts, which our policy forbids
REPLACED = ("openapi.openapi", "swagger.swagger", "swagger.oauth2-redirect")


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    tag: str
    method: str
    path: str
    summary: str

    @property
    def anchor(self) -> str:
        """What the script of the page opens in Swagger UI."""
        return f"#/{self.tag}/{self.id}"


def register(app: Flask) -> None:
    for endpoint in REPLACED:
        app.view_functions[endpoint] = _moved


@blueprint.get("")
def show() -> Any:
    """Swagger UI writes style attributes, so this page alone allows them."""
    listed = operations(current_app.api_doc["paths"])  # type: ignore[attr-defined]  # of flask-openapi3's Flask
    groups = [(tag, list(those)) for tag, those in groupby(listed, key=lambda one: one.tag)]
    response = make_response(render_template("api_docs.html", groups=groups))
    response.headers["Content-Security-Policy"] = security.policy(style_src="'self' 'unsafe-inline'")
    return response


def operations(paths: dict[str, dict[str, Any]]) -> list[Operation]:
    """Those of an OpenAPI document, by tag, in the order that it has them."""
    found = [
        Operation(detail["operationId"], detail["tags"][0], method.upper(), path, detail.get("summary", ""))
        for path, methods in paths.items()
        for method, detail in methods.items()
    ]
    return sorted(found, key=lambda one: one.tag)


def _moved() -> Any:
    return redirect(url_for("admin.api_docs.show"))
