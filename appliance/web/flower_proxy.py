"""/flower/: Flower, for people who are signed in. It listens on its own port; this passes requests on and adds the
password, so that one sign-in is enough. Flower at this prefix answers with addresses that keep it. Whoever may only
look may only look here too (web/admin/rights.py): what changes something in Flower is sent by POST. Flower is told so,
and then shows no button for it. Its pages get one line more, the way back to ours.
"""

import base64
import re
from collections.abc import Iterable
from http import HTTPStatus, client
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, render_template, request
from werkzeug import Response
from werkzeug.middleware.http_proxy import ProxyMiddleware
from werkzeug.wsgi import ClosingIterator

from appliance.services.permission import Permission, may
from appliance.web.context import web

PREFIX = "/flower"
TIMEOUT = 30  # seconds; Flower asks workers, who may be slow to answer
READ_ONLY = "X-Read-Only"
"""The header by which Flower is told that whoever asks may only look."""
SAFE = ("GET", "HEAD", "OPTIONS")
ALL = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
NOT_PASSED_ON = ("HTTP_AUTHORIZATION", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_READ_ONLY")
BODY = re.compile(rb"<body\b[^>]*>", re.IGNORECASE)
LOOKED_THROUGH = 64 * 1024  # bytes, for where the body of a page begins
ANY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to

# Flower starts its pages by inline scripts and styles; it loads nothing from elsewhere either
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

blueprint = Blueprint("flower", __name__, url_prefix=PREFIX)


def is_enabled() -> bool:
    return web().flower.enabled


@blueprint.route("/", defaults={"path": ""}, methods=ALL, strict_slashes=True)  # its pages have relative links
@blueprint.route("/<path:path>", methods=ALL)
def show(path: str) -> Any:
    del path  # as it came: Flower keeps the prefix
    if request.method not in SAFE and not _from_our_pages():
        abort(HTTPStatus.FORBIDDEN, "This came from a page of another site. Do it on the pages of Flower itself.")
    if not web().flower.enabled:
        return _unavailable()
    try:
        response = _pass_on()
        if response.mimetype == "text/html" and "Content-Encoding" not in response.headers:
            _add_way_back(response)
    except (OSError, client.HTTPException):
        return _unavailable()
    if response.status_code == HTTPStatus.BAD_GATEWAY:  # what the proxy answers when nobody listens
        return _unavailable()
    response.headers["Content-Security-Policy"] = POLICY
    response.headers.pop("Server", None)
    return response


def _pass_on() -> Response:
    flower = web().flower
    proxy = ProxyMiddleware(current_app.wsgi_app, {}, timeout=TIMEOUT)
    options = {
        "target": f"http://{_host()}:{flower.port()}",
        "remove_prefix": False,
        "host": None,
        "headers": {"Authorization": _basic(flower.user, flower.password), **_told()},
        "ssl_context": None,
    }
    return Response.from_app(proxy.proxy_to(options, request.path, PREFIX), _cleaned(request.environ))


def _add_way_back(response: Response) -> None:
    """At the top of the page; the rest streams as it comes. What shows no body is no page, and stays as it is."""
    pieces, passed_on = response.iter_encoded(), response.response
    start = _until_the_body(pieces)
    body = BODY.search(start)
    if body is not None:
        added = render_template("flower_way_back.html").encode()
        start = start[: body.end()] + added + start[body.end() :]
        response.headers.pop("ETag", None)  # it is that of the page without the line
        if response.content_length is not None:
            response.content_length += len(added)
    response.response = ClosingIterator(chain([start], pieces), getattr(passed_on, "close", None))


def _until_the_body(pieces: Iterable[bytes]) -> bytes:
    start = b""
    for piece in pieces:
        start += piece
        if BODY.search(start) or len(start) > LOOKED_THROUGH:
            break
    return start


def _told() -> dict[str, str]:
    return {} if may(Permission.OPERATE) else {READ_ONLY: "1"}


def _host() -> str:
    host = web().settings.flower.host
    if host in ANY_ADDRESS:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _cleaned(environ: dict[str, Any]) -> dict[str, Any]:
    """Without what is none of Flower's business, our session before all."""
    passed = {name: value for name, value in environ.items() if name not in NOT_PASSED_ON}
    session_cookie = current_app.config["SESSION_COOKIE_NAME"]
    cookies = [
        one for one in environ.get("HTTP_COOKIE", "").split(";") if one.partition("=")[0].strip() != session_cookie
    ]
    passed["HTTP_COOKIE"] = ";".join(cookies).strip()
    return passed


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _from_our_pages() -> bool:
    """Browsers say where a request comes from. One that says nothing is refused: no browser of today is so silent."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    source = request.headers.get("Origin") or request.headers.get("Referer") or ""
    return urlsplit(source).netloc == request.host


def _unavailable() -> Any:
    monitor = next((health for health in web().telemetry.health() if health.name == "monitor"), None)
    page = render_template("flower_unavailable.html", monitor=monitor, enabled=web().flower.enabled)
    return page, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "5"}
