"""How webhooks look as JSON. The secret is added by the two operations that show it."""

import json
from collections.abc import Sequence
from typing import Any

from appliance.db.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from appliance.db.models.webhook_delivery import DeliveryState
from appliance.services.webhook_replay import WebhookReport
from appliance.web.api.representations import moment


def endpoint(one: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": one.id,
        "url": one.url,
        "description": one.description,
        "events": one.events,
        "api_key": one.api_key_id,
        "active": one.active,
        "paused_at": moment(one.paused_at),
        "paused_reason": one.paused_reason or None,
        "failures": one.failures,
        "failing_since": moment(one.failing_since),
        "resting_until": moment(one.rests_until),
        "last_error": one.last_error or None,
        "previous_secret_until": moment(one.previous_secret_until),
        "created_at": moment(one.created_at),
        "updated_at": moment(one.updated_at),
    }


def status(one: WebhookDelivery) -> str:
    sending = one.state == DeliveryState.PENDING and one.claim_id is not None
    return "sending" if sending else one.state


def delivery(one: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": one.id,
        "webhook": one.endpoint_id,
        "type": one.kind,
        "message": one.message_id,
        "status": status(one),
        "attempt_count": one.attempts,
        "due_at": moment(one.due_at) if one.claim_id is None else None,
        "last_error": one.last_error or None,
        "created_at": moment(one.created_at),
        "finished_at": moment(one.finished_at),
    }


def delivery_detail(one: WebhookDelivery, attempts: Sequence[WebhookAttempt]) -> dict[str, Any]:
    return delivery(one) | {"payload": json.loads(one.payload), "attempts": [_attempt(each) for each in attempts]}


def report(one: WebhookReport) -> dict[str, Any]:
    return {
        "delivery": one.delivery_id,
        "ok": one.ok,
        "status_code": one.status_code,
        "duration_ms": one.duration_ms,
        "answer": one.answer,
        "error": one.error or None,
    }


def _attempt(one: WebhookAttempt) -> dict[str, Any]:
    return {
        "number": one.number,
        "started_at": moment(one.started_at),
        "duration_ms": one.duration_ms,
        "status_code": one.status_code,
        "answer": one.answer,
        "error": one.error or None,
    }
