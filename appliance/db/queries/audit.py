"""The audit as it is shown: a page of it, the newest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, true, union
from sqlalchemy.orm import Session

from appliance.db.models import AuditEntry
from appliance.db.queries import id_bounds

ID_PREFIX = "aud"


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """Empty fields do not filter. `action`: a whole one, or a noun with its dot (`key.`) for all that befell those."""

    actor: str = ""  # id or name
    action: str = ""
    target: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(
    session: Session, filters: AuditFilters, *, before: str | None = None, limit: int = 50
) -> tuple[Sequence[AuditEntry], str | None]:
    """The newest first, with the id to go on from.

    What an index knows newest first is taken from there, way by way, and put together: asked for in one condition, a
    planner that guesses wrong would read or sort a million entries.
    """
    ways = _ways(session, filters)
    if ways is None:
        return [], None
    conditions = _conditions(filters)
    if before:
        conditions.append(AuditEntry.id < before)
    newest = [
        select(select(AuditEntry.id).where(way, *conditions).order_by(AuditEntry.id.desc()).limit(limit + 1).subquery())
        for way in ways
    ]
    query = select(AuditEntry).where(AuditEntry.id.in_(union(*newest)))
    found = session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit + 1)).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else None


def _ways(session: Session, filters: AuditFilters) -> Sequence[ColumnElement[bool]] | None:
    """Of each entry that is wanted one of these is true. None: there is no such entry."""
    if filters.target:
        return [AuditEntry.target == filters.target]
    if filters.actor:
        return [AuditEntry.actor_id == filters.actor, AuditEntry.actor_name == filters.actor]
    if filters.action.endswith("."):
        return [AuditEntry.action == action for action in _actions_of(session, filters.action)] or None
    return [AuditEntry.action == filters.action] if filters.action else [true()]


def _actions_of(session: Session, noun: str) -> Iterator[str]:
    """Those that there are, from one to the next: there are few, and many entries of each."""
    action: str | None = noun
    while action := session.scalar(select(func.min(AuditEntry.action)).where(AuditEntry.action > action)):
        if not action.startswith(noun):
            return
        yield action


def one(session: Session, entry_id: str) -> AuditEntry | None:
    return session.get(AuditEntry, entry_id)


def actions(session: Session) -> Sequence[str]:
    """Those that there are entries of. Steps from one to the next: reading all entries would take long."""
    first = select(func.min(AuditEntry.action).label("action")).cte("actions", recursive=True)
    following = select(func.min(AuditEntry.action)).where(AuditEntry.action > first.c.action).scalar_subquery()
    steps = first.union_all(select(following).where(first.c.action.is_not(None)))
    return session.scalars(select(steps.c.action).where(steps.c.action.is_not(None))).all()


def _conditions(filters: AuditFilters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.actor:
        conditions.append((AuditEntry.actor_id == filters.actor) | (AuditEntry.actor_name == filters.actor))
    if filters.action.endswith("."):
        conditions.append(AuditEntry.action.startswith(filters.action, autoescape=True))
    elif filters.action:
        conditions.append(AuditEntry.action == filters.action)
    if filters.since:
        conditions += [AuditEntry.at >= filters.since, AuditEntry.id > id_bounds.lower(ID_PREFIX, filters.since)]
    if filters.until:
        conditions += [AuditEntry.at < filters.until, AuditEntry.id < id_bounds.upper(ID_PREFIX, filters.until)]
    return conditions
