"""What each page asks of a role before it does anything. The services ask again; here that comes before a form is read.

Looking is open to everybody who is signed in, but for the groups in SHUT. Whatever changes something needs OPERATE, in
the groups of ADMINISTRATION it needs ADMINISTER, and a view says otherwise by `@for_everybody`. A form needs what
sending it would.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app, request

from appliance.services import permission
from appliance.services.permission import Permission

View = TypeVar("View", bound=Callable[..., Any])

SAFE = ("GET", "HEAD", "OPTIONS")
SHUT = frozenset({"users", "wizard"})
FORMS = frozenset({"new", "edit"})
"""Views of any group."""
WORK = frozenset({"compose"})
"""Groups that are nothing but a form."""
ADMINISTRATION = SHUT | {"accounts", "keys", "webhooks", "retention", "backups", "alerts", "settings"}


def require() -> None:
    """Raises Forbidden."""
    permission.require(needed(request.endpoint or "", request.method))


def needed(endpoint: str, method: str) -> Permission:
    """By whoever is to open `endpoint`, such as `admin.messages.retry`."""
    group, _, view = endpoint.removeprefix("admin.").partition(".")
    changing = Permission.ADMINISTER if group in ADMINISTRATION else Permission.OPERATE
    if method in SAFE:
        return changing if group in SHUT | WORK or view in FORMS else Permission.VIEW
    said: Permission | None = getattr(current_app.view_functions[endpoint], "permission", None)
    return changing if said is None else said


def for_everybody(view: View) -> View:
    """It changes nothing, or only what is the person's own."""
    view.__dict__["permission"] = Permission.VIEW
    return view
