"""/api/docs: the API, to read and to try out. Swagger UI comes from its package; nothing is loaded from elsewhere."""

from typing import Any

from flask import Blueprint, Flask, make_response, redirect, render_template, url_for

from appliance.web import security

blueprint = Blueprint("api_docs", __name__, url_prefix="/api/docs")

# pages of flask-openapi3 that start by inline scripts, which our policy forbids
REPLACED = ("openapi.openapi", "swagger.swagger", "swagger.oauth2-redirect")


def register(app: Flask) -> None:
    for endpoint in REPLACED:
        app.view_functions[endpoint] = _moved


@blueprint.get("")
def show() -> Any:
    """Swagger UI writes style attributes, so this page alone allows them."""
    response = make_response(render_template("api_docs.html"))
    response.headers["Content-Security-Policy"] = security.policy(style_src="'self' 'unsafe-inline'")
    return response


def _moved() -> Any:
    return redirect(url_for("admin.api_docs.show"))
