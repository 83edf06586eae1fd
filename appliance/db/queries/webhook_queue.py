"""The queue of webhooks, which is a query: what is due, for endpoints that may be called now."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from appliance.db.models import WebhookDelivery, WebhookEndpoint
from appliance.db.models.webhook_delivery import OVER, DeliveryState
from appliance.db.types import id_at

ID_PREFIX = "whd"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery as its worker needs it."""

    id: str
    payload: str
    attempts: int
    attempts_before: int
    tried_since: datetime | None


def ready(session: Session, now: datetime) -> Sequence[str]:
    """Endpoints that are active, do not rest and have something due."""
    due = exists().where(WebhookDelivery.endpoint_id == WebhookEndpoint.id, WebhookDelivery.due_at <= now)
    rested = or_(WebhookEndpoint.rests_until.is_(None), WebhookEndpoint.rests_until <= now)
    query = select(WebhookEndpoint.id).where(WebhookEndpoint.active.is_(True), rested, due)
    return session.scalars(query.order_by(WebhookEndpoint.id)).all()


def to_itself(session: Session, endpoint_ids: Iterable[str]) -> Sequence[str]:
    """Those of `endpoint_ids` that no other box claims for at this moment; it cannot until this transaction ends."""
    query = select(WebhookEndpoint.id).where(WebhookEndpoint.id.in_(list(endpoint_ids))).order_by(WebhookEndpoint.id)
    return session.scalars(query.with_for_update(skip_locked=True, key_share=True)).all()


def claims(session: Session, now: datetime) -> dict[str, int]:
    """How many claims each endpoint has that a worker is at.

    They are counted here: to group by endpoint SQLite would go through all that wait, instead of what is claimed.
    """
    query = (
        select(WebhookDelivery.claim_id, func.max(WebhookDelivery.endpoint_id))
        .where(WebhookDelivery.claim_id.is_not(None), WebhookDelivery.due_at > now)
        .group_by(WebhookDelivery.claim_id)
    )
    return Counter(endpoint_id for _, endpoint_id in session.execute(query))


def due(session: Session, endpoint_id: str, now: datetime, limit: int) -> Sequence[str]:
    """What has waited longest comes first. Locked on a database server, where another box passes over them."""
    query = select(WebhookDelivery.id).where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.due_at <= now)
    ordered = query.order_by(WebhookDelivery.due_at, WebhookDelivery.id).limit(limit)
    return session.scalars(ordered.with_for_update(skip_locked=True)).all()


def claimed(session: Session, claim_id: str, ids: Iterable[str]) -> Sequence[Outgoing]:
    """Of `ids` those that the claim holds, in the order of their events."""
    query = select(
        WebhookDelivery.id,
        WebhookDelivery.payload,
        WebhookDelivery.attempts,
        WebhookDelivery.attempts_before,
        WebhookDelivery.tried_since,
    ).where(WebhookDelivery.id.in_(list(ids)), WebhookDelivery.claim_id == claim_id)
    return [Outgoing(*row) for row in session.execute(query.order_by(WebhookDelivery.id))]


def endpoint_of(session: Session, claim_id: str) -> WebhookEndpoint | None:
    """Whose deliveries the claim holds; None: none any more."""
    query = select(WebhookDelivery.endpoint_id).where(WebhookDelivery.claim_id == claim_id).limit(1)
    endpoint_id = session.scalar(query)
    return session.get(WebhookEndpoint, endpoint_id) if endpoint_id else None


def claims_of_box(session: Session, prefix: str, limit: int = 100) -> Sequence[str]:
    query = select(WebhookDelivery.claim_id).where(
        WebhookDelivery.claim_id.is_not(None),  # said for the sake of the index
        WebhookDelivery.claim_id.startswith(prefix, autoescape=True),
    )
    return [claim_id for claim_id in session.scalars(query.distinct().limit(limit)) if claim_id]


def backlog(session: Session, most: int) -> tuple[int, datetime | None]:
    """How many wait, `most` at most, and when the event of the oldest was handed on."""
    some = select(WebhookDelivery.id).where(WebhookDelivery.due_at.is_not(None)).limit(most).subquery()
    of_endpoint = (WebhookDelivery.endpoint_id == WebhookEndpoint.id, WebhookDelivery.state == DeliveryState.PENDING)
    first = select(func.min(WebhookDelivery.id)).where(*of_endpoint).correlate(WebhookEndpoint).scalar_subquery()
    firsts = select(first).select_from(WebhookEndpoint)
    oldest = select(func.min(WebhookDelivery.created_at)).where(WebhookDelivery.id.in_(firsts))
    return session.scalar(select(func.count()).select_from(some)) or 0, session.scalar(oldest)


def waiting_in_vain(session: Session, until: datetime, limit: int) -> Sequence[str]:
    """Deliveries of paused endpoints that have been due since `until` or longer."""
    return _of_endpoints(session, WebhookEndpoint.active.is_(False), WebhookDelivery.due_at <= until, limit=limit)


def old(session: Session, until: datetime, limit: int) -> Sequence[str]:
    """Ids of deliveries made before `until` that are over."""
    query = select(WebhookDelivery.id).where(
        WebhookDelivery.id < id_at(ID_PREFIX, until), WebhookDelivery.state.in_(OVER)
    )
    return session.scalars(query.order_by(WebhookDelivery.id).limit(limit)).all()


def of_deleted_endpoints(session: Session, limit: int) -> Sequence[str]:
    return _of_endpoints(session, WebhookEndpoint.deleted_at.is_not(None), limit=limit)


def _of_endpoints(
    session: Session, which: ColumnElement[bool], *conditions: ColumnElement[bool], limit: int
) -> Sequence[str]:
    """In two questions: of a join SQLite might go through all deliveries, and there may be a million."""
    endpoint_ids = session.scalars(select(WebhookEndpoint.id).where(which)).all()
    query = select(WebhookDelivery.id).where(WebhookDelivery.endpoint_id.in_(endpoint_ids), *conditions)
    return session.scalars(query.limit(limit)).all() if endpoint_ids else []


def empty_deleted_endpoints(session: Session) -> Sequence[str]:
    """Endpoints that are deleted and of which no delivery is left."""
    any_left = exists().where(WebhookDelivery.endpoint_id == WebhookEndpoint.id)
    return session.scalars(select(WebhookEndpoint.id).where(WebhookEndpoint.deleted_at.is_not(None), ~any_left)).all()
