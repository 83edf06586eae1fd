"""What each page asks of a role before it does anything. The services ask again; here that comes before a form is read.

Looking is open to everybody who is signed in, but for the groups in SHUT. Whatever changes something needs OPERATE, in
the groups of ADMINISTRATION it needs ADMINISTER, and a view says otherwise by `@for_everybody` or `@for_operators`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app, request

from appliance.services import permission
from appliance.services.permission import Permission

View = TypeVar("View", bound=Callable[..., Any])

SAFE = ("GET", "HEAD", "OPTIONS")
SHUT = frozenset({"users", "wizard"})
ADMINISTRATION = SHUT | {"accounts", "keys", "webhooks", "retention", "backups", "alerts", "settings"}


def require() -> None:
    """Raises Forbidden."""
    permission.require(needed(request.endpoint or "", request.method))


def needed(endpoint: str, method: str) -> Permission:
    """By whoever is to open `endpoint`, such as `admin.messages.retry`."""
    group = endpoint.removeprefix("admin.").partition(".")[0]
    if method in SAFE:
        return Permission.ADMINISTER if group in SHUT else Permission.VIEW
    said: Permission | None = getattr(current_app.view_functions[endpoint], "permission", None)
    if said is not None:
        return said
    return Permission.ADMINISTER if group in ADMINISTRATION else Permission.OPERATE


def for_everybody(view: View) -> View:
    """It changes nothing, or only what is the person's own."""
    view.__dict__["permission"] = Permission.VIEW
    return view


def for_operators(view: View) -> View:
    view.__dict__["permission"] = Permission.OPERATE
    return view
