"""Whether the browser may send our cookies back over a plain connection.

Never where people come by TLS, which the public address tells also where a proxy does not say so. But who comes by
another name, over plain HTTP, would get a cookie that no browser takes, and could not sign in for no reason to be seen.
"""

from urllib.parse import urlsplit

from flask import Flask, Request, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from appliance.web.context import web

LOCAL = ("localhost", "127.0.0.1", "::1")
"""What a proxy that hands on no name calls us by. Browsers take such cookies from this machine itself as well."""

PROGRAMS = "/api/v1/"


class SessionCookie(SecureCookieSessionInterface):
    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """A program has no session: to look for one would be 2 % of what a message costs."""
        return None if request.path.startswith(PROGRAMS) else super().open_session(app, request)

    def get_cookie_secure(self, app: Flask) -> bool:
        del app
        return for_tls_alone()


def register(app: Flask) -> None:
    app.session_interface = SessionCookie()


def for_tls_alone() -> bool:
    if request.is_secure:
        return True
    public, asked = urlsplit(web().services.place.public_url()), urlsplit(f"//{request.host}")
    return public.scheme == "https" and (asked.netloc == public.netloc or asked.hostname in LOCAL)
