"""Who acts in a request, for the audit: somebody unknown, until a key or a session says who."""

from flask import Flask, g, request

from appliance.db.models.audit_entry import ActorKind
from appliance.services import audit
from appliance.services.api_keys import Caller
from appliance.services.audit import Actor

LOCAL_ID = "local"
"""The id of the caller that is this box's own command line."""


def register(app: Flask) -> None:
    """After what makes the request's id."""
    app.before_request(_begin)
    app.teardown_request(_end)


def as_caller(caller: Caller) -> None:
    """From here on the request is the doing of an API key, or of the command line."""
    kind = ActorKind.COMMAND if caller.api_key_id == LOCAL_ID else ActorKind.KEY
    _become(kind, caller.api_key_id, caller.name)


def as_user(user_id: str, name: str, role: str) -> None:
    """From here on the request is the doing of a person who is signed in."""
    _become(ActorKind.USER, user_id, name, role)


def _begin() -> None:
    _become(ActorKind.ANONYMOUS, "", "somebody who is not signed in")


def _become(kind: ActorKind, actor_id: str, name: str, role: str | None = None) -> None:
    audit.become(Actor(kind, actor_id, name, request.remote_addr or "", g.request_id, role))


def _end(_error: BaseException | None) -> None:
    """One thread serves many requests."""
    audit.become(audit.SYSTEM)
