"""Makes the Flask application: API, pages, health, metrics, API documentation."""

from datetime import timedelta

from flask import Flask
from flask_openapi3 import Info, OpenAPI

from appliance import __version__
from appliance.web import acting, error_docs, form_bodies, health, metrics, request_ids, session_cookie
from appliance.web.admin import pages
from appliance.web.api import bodies, errors, openapi
from appliance.web.api.blueprint import api
from appliance.web.context import WebContext
from appliance.web.paths import STATIC

MEGABYTE = 1024 * 1024


def create_app(context: WebContext) -> Flask:
    app = assemble()
    serve(app, context)
    return app


def assemble() -> Flask:
    """Every route, for whichever appliance it is to serve."""
    app = OpenAPI(
        __name__,
        info=Info(title="Postroom", version=__version__, description="Accepts messages and gets them out."),
        security_schemes={"api_key": {"type": "http", "scheme": "bearer"}},
        validation_error_callback=errors.from_validation,
        doc_prefix="/api",
        static_folder=str(STATIC),
        template_folder="admin/templates",
    )
    app.url_map.strict_slashes = False  # /messages/ is what a person types, and what it should lead to is plain
    request_ids.register(app)
    session_cookie.register(app)
    acting.register(app)
    metrics.register(app)
    errors.register(app)
    bodies.register(app)
    form_bodies.register(app)
    app.register_api(api())
    openapi.complete(app)
    for part in (health, error_docs):
        app.register_blueprint(part.blueprint)
    pages.register(app)
    return app


def serve(app: Flask, context: WebContext) -> None:
    """From now on it serves this appliance; what it counts and whom it slows down begins anew."""
    _configure(app, context)
    app.extensions["postroom"] = context
    metrics.begin(app, context)
    pages.begin(app)


def _configure(app: Flask, context: WebContext) -> None:
    settings = context.settings.web
    app.config.update(
        SECRET_KEY=context.session_key,
        MAX_CONTENT_LENGTH=settings.max_request_mb * MEGABYTE,
        SESSION_COOKIE_NAME="postroom_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.session_hours),
        BOOTSTRAP_SERVE_LOCAL=True,
        WTF_CSRF_TIME_LIMIT=None,
    )
