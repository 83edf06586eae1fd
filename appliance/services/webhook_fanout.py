"""From an event to what each endpoint is told of it: delivery rows, in the transaction that takes the event."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from appliance.db.models import ApiKey, Event, WebhookDelivery, WebhookEndpoint
from appliance.db.models.api_key import KeyState
from appliance.db.models.base import insert_rows
from appliance.db.queries import webhook_events
from appliance.db.queries.webhook_queue import ID_PREFIX
from appliance.db.types import new_id
from appliance.services import webhook_payload

COLLECTS = timedelta(hours=24)
"""A paused endpoint goes on collecting for so long; then what happens is not kept for it any more."""


def consume(session: Session, events: Sequence[Event]) -> None:
    """A consumer of the event log. While nobody listens it costs one short question."""
    if not events:
        return
    listeners = _listening(session, events[-1].at)
    told = {event.id: [one for one in listeners if one.hears(event)] for event in events} if listeners else {}
    wanted = [event for event in events if told.get(event.id)]
    rows = (
        row(one.endpoint.id, event.kind, payload, event.at, message_id=event.message_id)
        for event, payload in webhook_payload.of_events(session, wanted)
        for one in told[event.id]
    )
    insert_rows(session, WebhookDelivery, *rows)


def tell_of_pause(session: Session, endpoint: WebhookEndpoint, reason: str, at: datetime) -> None:
    """The other endpoints hear that this one is paused."""
    payload = webhook_payload.of_pause(endpoint, reason, at)
    others = [one.endpoint for one in _listening(session, at) if one.everything and one.endpoint.id != endpoint.id]
    wanted = [one for one in others if one.wants(webhook_payload.PAUSED)]
    insert_rows(session, WebhookDelivery, *(row(one.id, webhook_payload.PAUSED, payload, at) for one in wanted))


def row(endpoint_id: str, kind: str, payload: str, at: datetime, **others: Any) -> dict[str, Any]:
    """Of a `WebhookDelivery` that is due at once."""
    return {
        "id": new_id(ID_PREFIX),
        "endpoint_id": endpoint_id,
        "kind": kind,
        "message_id": None,
        "payload": payload,
        "created_at": at,
        "due_at": at,
        **others,
    }


class _Listener:
    def __init__(self, endpoint: WebhookEndpoint, key: ApiKey | None) -> None:
        self.endpoint = endpoint
        self.everything = endpoint.api_key_id is None or (key is not None and "manage" in key.scopes)

    def hears(self, event: Event) -> bool:
        """A key that does not manage the box hears only of its own messages."""
        mine = self.everything or event.api_key_id == self.endpoint.api_key_id
        return mine and self.endpoint.wants(event.kind)


def _listening(session: Session, at: datetime) -> list[_Listener]:
    """The endpoint of a key that opens nothing any more hears nothing any more."""
    endpoints = webhook_events.endpoints(session, at - COLLECTS)
    keys: Mapping[str, ApiKey] = webhook_events.keys(session, (one.api_key_id for one in endpoints if one.api_key_id))
    return [
        _Listener(one, keys.get(one.api_key_id or ""))
        for one in endpoints
        if one.api_key_id is None or _opens(keys.get(one.api_key_id), at)
    ]


def _opens(key: ApiKey | None, at: datetime) -> bool:
    return key is not None and key.state(at) is KeyState.ACTIVE
