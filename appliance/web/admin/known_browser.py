"""A browser in which somebody has signed in before. It opens nothing; only, others that guess do not make it wait."""

import secrets

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeSerializer

from appliance.web import session_cookie

COOKIE = "postroom_known"
PATH = "/sign-in"
HALF_A_YEAR = 182 * 24 * 3600


def of(name: str) -> str:
    """What it is known by, if it was `name` who signed in; else empty."""
    try:
        found = _signer().loads(request.cookies.get(COOKIE, ""))
    except BadSignature:
        return ""
    whose, mark = found
    return str(mark) if whose == _plain(name) else ""


def remember(answer: Response, name: str) -> None:
    answer.set_cookie(
        COOKIE,
        _signer().dumps([_plain(name), secrets.token_urlsafe(12)]),
        max_age=HALF_A_YEAR,
        path=PATH,
        httponly=True,
        samesite="Lax",
        secure=session_cookie.for_tls_alone(),
    )


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="known browser")


def _plain(name: str) -> str:
    return name.strip().lower()
