"""Every route of the API says which scope opens it; one that does not say so stays shut."""

import hmac
from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app, g, request

from appliance.errors import Forbidden
from appliance.services.api_keys import SCOPES, Caller
from appliance.web.api.errors import Unauthenticated
from appliance.web.context import web

View = TypeVar("View", bound=Callable[..., Any])
LOCAL_CALLER = Caller("local", "the command line of this box", frozenset(SCOPES))


def needs(scope: str) -> Callable[[View], View]:
    """Marks a view as open to callers with `scope`. Goes below the route decorator."""

    def mark(view: View) -> View:
        view.__dict__["scope"] = scope
        return view

    return mark


def authenticate() -> None:
    """Before each request. Raises Unauthenticated or Forbidden."""
    view = current_app.view_functions.get(request.endpoint or "")
    scope = getattr(view, "scope", None)
    caller = _caller()
    if scope is None or scope not in caller.scopes:
        raise Forbidden(f"This API key lacks the scope {scope!r}. Create one that has it under API keys.")
    g.caller = caller


def caller() -> Caller:
    signed_in: Caller = g.caller
    return signed_in


def _caller() -> Caller:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise Unauthenticated("Send an API key: Authorization: Bearer <key>. `python run.py apikey create` makes one.")
    secret = secret.strip()
    if hmac.compare_digest(secret.encode(), web().local_token.encode()):
        return LOCAL_CALLER
    found = web().services.api_keys.authenticate(secret)
    if found is None:
        raise Unauthenticated("This API key is unknown, expired or revoked. Create another one under API keys.")
    return found
