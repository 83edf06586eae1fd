"""Every route of the API says which scope opens it; one that does not say so stays shut."""

import hmac
from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app, g, request

from appliance.errors import Forbidden
from appliance.program import PROGRAM
from appliance.services.api_keys import SCOPES, Caller
from appliance.web import acting
from appliance.web.api.errors import Unauthenticated
from appliance.web.context import web

View = TypeVar("View", bound=Callable[..., Any])
ANY = "any"
"""What `needs` is given where any scope will do."""
LOCAL_CALLER = Caller(acting.LOCAL_ID, "the command line of this box", frozenset(SCOPES))


def needs(scope: str, remark: str = "") -> Callable[[View], View]:
    """Marks a view as open to callers with `scope`, or with `ANY`. Goes below the route decorator.

    `remark`: what whoever lacks it is told besides.
    """

    def mark(view: View) -> View:
        view.__dict__["scope"] = scope
        view.__dict__["remark"] = f" {remark}" if remark else ""
        return view

    return mark


def authenticate() -> None:
    """Before each request. Raises Unauthenticated, TooManyFailures, RateLimited or Forbidden."""
    view = current_app.view_functions.get(request.endpoint or "")
    scope = getattr(view, "scope", None)
    caller = _caller()
    acting.as_caller(caller)
    g.caller = caller
    web().services.api_keys.admit(caller)
    if scope is None or not (scope == ANY or scope in caller.scopes):
        remark = getattr(view, "remark", "")
        raise Forbidden(f"This API key lacks the scope {scope!r}. Create one that has it under API keys.{remark}")


def caller() -> Caller:
    signed_in: Caller = g.caller
    return signed_in


def _caller() -> Caller:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise Unauthenticated(f"Send an API key: Authorization: Bearer <key>. `{PROGRAM} apikey create` makes one.")
    secret = secret.strip()
    if hmac.compare_digest(secret.encode(), web().local_token.encode()):
        return LOCAL_CALLER
    found = web().services.api_keys.authenticate(secret, request.remote_addr or "")
    if found is None:
        raise Unauthenticated(
            "This API key is unknown, expired, disabled or revoked. Look at it, or create another one, under API keys."
        )
    return found
