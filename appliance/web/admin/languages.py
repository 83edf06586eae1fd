"""Which language a page is in: the one that was chosen on it, else the first that the browser asks for."""

from typing import Any

from flask import Blueprint, Flask, redirect, request
from flask_babel import Babel, get_locale, get_translations
from flask_babel.speaklater import LazyString
from markupsafe import Markup, escape

from appliance import language
from appliance.web.admin.identity import safe_next
from appliance.web.context import web

blueprint = Blueprint("languages", __name__)

LANGUAGES = {"en": "English", "zh": "简体中文"}
"""The name of each in itself, by the first part of its tag."""
TAGS = {"en": "en", "zh": "zh-CN"}
"""BCP 47, for `<html lang>`."""
COOKIE = "postroom_language"
YEAR = 365 * 24 * 3600
PLAIN = ("/api/", "/metrics", "/health", "/static/", "/assets/", "/flower/")
"""Nothing here is read by a person, or it is in one language only."""


def register(app: Flask) -> None:
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "admin/translations"
    LazyString.__html__ = _escaped
    Babel(app, locale_selector=_chosen, timezone_selector=lambda: web().zone.key)
    app.register_blueprint(blueprint)
    app.before_request(_speak)
    app.teardown_request(lambda _error: language.be_plain())
    app.add_template_global(lambda: LANGUAGES, "all_languages")
    app.add_template_global(_spoken, "language")
    app.add_template_global(lambda: TAGS[_spoken()], "language_tag")


def _escaped(late: LazyString) -> Markup:
    """A text that is translated late. The library calls it HTML, but it may name what somebody typed."""
    return escape(str(late))


@blueprint.post("/language")
def choose() -> Any:
    """Open to everybody: also who cannot sign in reads."""
    wanted = request.form.get("language", "")
    answer = redirect(safe_next(request.form.get("next")))
    if wanted in LANGUAGES:
        answer.set_cookie(COOKIE, wanted, max_age=YEAR, httponly=True, samesite="Lax", secure=request.is_secure)
    return answer


def _chosen() -> str:
    kept = request.cookies.get(COOKIE)
    if kept in LANGUAGES:
        return kept
    asked = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())  # the dearest first
    return next((tag for tag in asked if tag in LANGUAGES), "en")


def _spoken() -> str:
    locale = get_locale()
    return locale.language if locale is not None and locale.language in LANGUAGES else "en"


def _speak() -> None:
    if not request.path.startswith(PLAIN):
        language.speak(get_translations())
