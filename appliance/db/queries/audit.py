"""The audit as it is shown: a page of it, the newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from appliance.db.models import AuditEntry


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
    """The newest first, with the id to go on from."""
    query = select(AuditEntry).where(*_conditions(filters)).order_by(AuditEntry.id.desc()).limit(limit + 1)
    if before:
        query = query.where(AuditEntry.id < before)
    found = session.scalars(query).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else None


def _conditions(filters: AuditFilters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.actor:
        conditions.append((AuditEntry.actor_id == filters.actor) | (AuditEntry.actor_name == filters.actor))
    if filters.action.endswith("."):
        conditions.append(AuditEntry.action.startswith(filters.action, autoescape=True))
    elif filters.action:
        conditions.append(AuditEntry.action == filters.action)
    if filters.target:
        conditions.append(AuditEntry.target == filters.target)
    if filters.since:
        conditions.append(AuditEntry.at >= filters.since)
    if filters.until:
        conditions.append(AuditEntry.at < filters.until)
    return conditions
