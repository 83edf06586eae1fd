"""Endpoints and their log of deliveries, as they are shown."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from appliance.db.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from appliance.db.models.webhook_delivery import DeliveryState
from appliance.db.queries import id_bounds
from appliance.db.queries.webhook_queue import ID_PREFIX


def page(
    session: Session, *, before: str | None = None, limit: int = 50, api_key_id: str | None = None
) -> tuple[Sequence[WebhookEndpoint], str | None]:
    """The newest first, with the id to go on from. `api_key_id`: only those that belong to this key."""
    query = select(WebhookEndpoint).where(WebhookEndpoint.deleted_at.is_(None))
    if api_key_id is not None:
        query = query.where(WebhookEndpoint.api_key_id == api_key_id)
    if before:
        query = query.where(WebhookEndpoint.id < before)
    found = session.scalars(query.order_by(WebhookEndpoint.id.desc()).limit(limit + 1)).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else None


def one(session: Session, endpoint_id: str, api_key_id: str | None = None) -> WebhookEndpoint | None:
    """`api_key_id`: only if it belongs to this key."""
    found = session.get(WebhookEndpoint, endpoint_id)
    if found is None or found.deleted_at is not None or api_key_id not in (None, found.api_key_id):
        return None
    return found


def count(session: Session) -> int:
    query = select(func.count()).select_from(WebhookEndpoint).where(WebhookEndpoint.deleted_at.is_(None))
    return session.scalar(query) or 0


def paused(session: Session) -> Sequence[WebhookEndpoint]:
    query = select(WebhookEndpoint).where(WebhookEndpoint.active.is_(False), WebhookEndpoint.deleted_at.is_(None))
    return session.scalars(query.order_by(WebhookEndpoint.id)).all()


def troubled(session: Session) -> Sequence[WebhookEndpoint]:
    """Those that are paused, and those that did not accept what they were told last."""
    there = WebhookEndpoint.deleted_at.is_(None)
    query = select(WebhookEndpoint).where(
        there, or_(WebhookEndpoint.active.is_(False), WebhookEndpoint.failing_since.is_not(None))
    )
    return session.scalars(query.order_by(WebhookEndpoint.id)).all()


def deliveries(
    session: Session, endpoint_id: str, *, before: str | None = None, limit: int = 50, state: str = ""
) -> tuple[Sequence[WebhookDelivery], str | None]:
    """The newest first, with the id to go on from."""
    query = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
    if state:
        query = query.where(WebhookDelivery.state == state)
    if before:
        query = query.where(WebhookDelivery.id < before)
    found = session.scalars(query.order_by(WebhookDelivery.id.desc()).limit(limit + 1)).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else None


def delivery(session: Session, delivery_id: str, api_key_id: str | None = None) -> WebhookDelivery | None:
    """`api_key_id`: only if its endpoint belongs to this key."""
    found = session.get(WebhookDelivery, delivery_id)
    return found if found is not None and one(session, found.endpoint_id, api_key_id) is not None else None


def attempts(session: Session, delivery_id: str) -> Sequence[WebhookAttempt]:
    """The oldest first."""
    query = select(WebhookAttempt).where(WebhookAttempt.delivery_id == delivery_id)
    return session.scalars(query.order_by(WebhookAttempt.id)).all()


def failed_since(session: Session, endpoint_id: str, since: datetime, *, after: str, limit: int) -> Sequence[str]:
    """Ids of failed deliveries of events since then, the oldest first.

    An id is younger than its event, so those that are older are passed over by the index.
    """
    query = select(WebhookDelivery.id).where(
        WebhookDelivery.endpoint_id == endpoint_id,
        WebhookDelivery.state == DeliveryState.FAILED,
        WebhookDelivery.created_at >= since,
        WebhookDelivery.id > max(after, id_bounds.lower(ID_PREFIX, since)),
    )
    return session.scalars(query.order_by(WebhookDelivery.id).limit(limit)).all()
