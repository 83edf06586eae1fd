"""The audit: who acts, and the row that tells of it.

Whoever lets somebody in (pages, API, a command, a task) says by `act_as` or `become` who that is. A service makes the
row by `entry` before its write, because a write may run twice and must do the same each time, and stores it inside the
write by `AuditEntry.note`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from appliance.db.models.audit_entry import ActorKind
from appliance.db.types import new_id

LONGEST_TARGET = 320
LONGEST_ADDRESS = 64
LONGEST_REQUEST_ID = 128


@dataclass(frozen=True, slots=True)
class Actor:
    """`address`: the IP address that the request came from; `request_id`: the request itself.

    `role`: of a person who is signed in (services/permission.py). None: what may be done was looked at elsewhere.
    """

    kind: ActorKind
    id: str
    name: str
    address: str = ""
    request_id: str = ""
    role: str | None = None


SYSTEM = Actor(ActorKind.SYSTEM, "system", "Postroom")
_acting: ContextVar[Actor] = ContextVar("acting", default=SYSTEM)


def acting() -> Actor:
    """Who acts in this greenlet; the appliance itself, unless somebody else was named."""
    return _acting.get()


def become(actor: Actor) -> None:
    """Until the next call. Who serves one request after the other ends each by `become(SYSTEM)`."""
    _acting.set(actor)


@contextmanager
def act_as(actor: Actor) -> Iterator[None]:
    before = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(before)


def entry(action: str, target: str, detail: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The row of an `AuditEntry`, by who acts now.

    `action` is a noun and a participle, `key.created`; `target` the id of what was changed; `detail` holds JSON values
    and nothing secret.
    """
    actor = acting()
    return {
        "id": new_id("aud"),
        "at": now,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "address": actor.address[:LONGEST_ADDRESS],
        "action": action,
        "target": target[:LONGEST_TARGET],
        "detail": dict(detail),
        "request_id": actor.request_id[:LONGEST_REQUEST_ID],
    }
