"""The shapes of answers about webhooks, with an example of each."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from appliance.web.api.documents import Document, Moment


class WebhookDocument(Document):
    id: str
    url: str
    description: str
    events: list[str]
    api_key: str | None = Field(description="The key that it belongs to; null: the whole box.")
    active: bool
    paused_at: Moment | None
    paused_reason: str | None
    failures: int = Field(description="Attempts in a row that were not accepted.")
    failing_since: Moment | None
    resting_until: Moment | None = Field(description="After failures in a row nothing is sent to it for a while.")
    last_error: str | None
    previous_secret_until: Moment | None = Field(description="Until then the secret before this one signs as well.")
    created_at: Moment
    updated_at: Moment


class WebhookWithSecret(WebhookDocument):
    secret: str = Field(description="Signs its requests. It is in this answer and in no other.")


class WebhookPage(Document):
    items: list[WebhookDocument]
    next_cursor: str | None


class WebhookTestReport(Document):
    delivery: str = Field(description="The delivery as which it stands in the log.")
    ok: bool
    status_code: int | None = Field(description="null: there was no answer.")
    duration_ms: int
    answer: str = Field(description="The first KB of it.")
    error: str | None = Field(description="What went wrong, for a person.")


class WebhookDeliverySummary(Document):
    id: str = Field(description="The `webhook-id` of its requests.")
    webhook: str
    type: str
    message: str | None
    status: Literal["pending", "sending", "delivered", "failed"]
    attempt_count: int
    due_at: Moment | None = Field(description="When it is sent next.")
    last_error: str | None
    created_at: Moment
    finished_at: Moment | None


class WebhookDeliveryPage(Document):
    items: list[WebhookDeliverySummary]
    next_cursor: str | None


class WebhookAttemptDocument(Document):
    number: int
    started_at: Moment
    duration_ms: int
    status_code: int | None
    answer: str = Field(description="The first KB of it.")
    error: str | None


class WebhookDeliveryDetail(WebhookDeliverySummary):
    payload: dict[str, Any] = Field(description="The body of its requests.")
    attempts: list[WebhookAttemptDocument]


class WebhookReplayed(Document):
    replayed: int


_AT = "2026-11-24T08:00:00.000Z"
_WEBHOOK: Mapping[str, Any] = {
    "id": "whk_01kd4xf1a2b3c4d5e6f7g8h9j0",
    "url": "https://example.com/hooks/mail",
    "description": "Order system",
    "events": ["message.failed", "account.*"],
    "api_key": None,
    "active": True,
    "paused_at": None,
    "paused_reason": None,
    "failures": 0,
    "failing_since": None,
    "resting_until": None,
    "last_error": None,
    "previous_secret_until": None,
    "created_at": _AT,
    "updated_at": _AT,
}
_DELIVERY: Mapping[str, Any] = {
    "id": "whd_01kd4xg7k8m9n0p1q2r3s4t5v6",
    "webhook": "whk_01kd4xf1a2b3c4d5e6f7g8h9j0",
    "type": "message.failed",
    "message": "msg_01kd4x5t0c8m2v7q9r3s6w1y4z",
    "status": "delivered",
    "attempt_count": 1,
    "due_at": None,
    "last_error": None,
    "created_at": _AT,
    "finished_at": "2026-11-24T08:00:00.310Z",
}
_PAYLOAD: Mapping[str, Any] = {
    "type": "message.failed",
    "timestamp": _AT,
    "data": {"id": "msg_01kd4x5t0c8m2v7q9r3s6w1y4z", "status": "failed", "reason": "refused"},
}
_ATTEMPT: Mapping[str, Any] = {
    "number": 1,
    "started_at": _AT,
    "duration_ms": 84,
    "status_code": 204,
    "answer": "",
    "error": None,
}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "WebhookDocument": _WEBHOOK,
    "WebhookWithSecret": {**_WEBHOOK, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazfwYQqLHsE="},
    "WebhookPage": {"items": [_WEBHOOK], "next_cursor": None},
    "WebhookTestReport": {
        "delivery": "whd_01kd4xg7k8m9n0p1q2r3s4t5v6",
        "ok": True,
        "status_code": 204,
        "duration_ms": 84,
        "answer": "",
        "error": None,
    },
    "WebhookDeliveryPage": {"items": [_DELIVERY], "next_cursor": None},
    "WebhookDeliveryDetail": {**_DELIVERY, "payload": _PAYLOAD, "attempts": [_ATTEMPT]},
    "WebhookReplayed": {"replayed": 17},
}
