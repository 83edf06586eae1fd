"""Headers that tell a browser what our answers may do. A view that needs other ones sets them itself."""

from flask import Flask, Response, request

_NOTHING_FOREIGN = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",  # Bootstrap's stylesheet carries its arrows as data
    "font-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}

MAIL_POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
"""For the HTML of a mail, which anybody may have written: nothing runs, nothing is loaded, nothing is sent."""

YEAR = 365 * 24 * 3600


def register(app: Flask) -> None:
    app.after_request(_protect)


def policy(**changes: str) -> str:
    """Our Content-Security-Policy, with directives changed: `policy(style_src="'self' 'unsafe-inline'")`."""
    directives = _NOTHING_FOREIGN | {name.replace("_", "-"): value for name, value in changes.items()}
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def as_mail(response: Response) -> Response:
    """Makes the HTML of a mail harmless, and lets only our own pages frame it."""
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-DNS-Prefetch-Control"] = "off"
    return response


def _protect(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", policy())
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "same-origin")  # not less: the check against forged forms reads it
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    if request.is_secure:
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")  # browsers complain of it without TLS
        headers.setdefault("Strict-Transport-Security", f"max-age={YEAR}")
    _set_caching(response)
    return response


def _set_caching(response: Response) -> None:
    if not (request.endpoint or "").endswith("static"):
        response.headers.setdefault("Cache-Control", "no-store")
    elif "v" in request.args and response.status_code < 400:  # the address changes with the file
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
