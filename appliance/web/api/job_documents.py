"""The shapes of answers about many messages, jobs and the audit, and an example of each."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from appliance.db.models.audit_entry import ActorKind
from appliance.db.models.job import JobState
from appliance.db.models.message import MessageStatus
from appliance.db.models.message_sets import SetAction
from appliance.web.api.documents import Document, Moment, SuppressionRemoval


class BulkCount(Document):
    """What would happen now; nothing was changed."""

    action: SetAction
    matching: int = Field(description="Messages that the filter matches.")
    by_status: dict[MessageStatus, int]
    would_change: int
    would_skip: int = Field(description="Those in a state in which the action makes no sense.")
    ids_not_found: int | None = Field(
        description="How many of the `ids` there are not, or not for this key; null: the request named none."
    )


class JobDocument(Document):
    id: str
    kind: str = Field(description="Such as messages.retry.")
    state: JobState
    parameters: dict[str, Any] = Field(description="What it was made with.")
    total: int = Field(description="What there was to do when the job was made.")
    done: int = Field(description="How many of these were looked at: those changed and those skipped.")
    changed: int
    skipped: int = Field(description="Those for which it makes no sense any more.")
    ids_not_found: int | None = Field(
        description="How many of the `ids` there were not, or not for its maker; null: the request named none."
    )
    percent: int
    error: str | None = Field(description="Why it failed.")
    created_by: str = Field(description="The id of an API key or a user.")
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None


class JobMade(Document):
    job: JobDocument


class SuppressionRelease(SuppressionRemoval):
    job: JobDocument = Field(description="It releases them, because they are many.")


class JobPage(Document):
    items: list[JobDocument]
    next_cursor: str | None


class AuditActor(Document):
    kind: ActorKind
    id: str
    name: str


class AuditEntryDocument(Document):
    id: str
    at: Moment
    actor: AuditActor
    address: str = Field(description="The IP address that the request came from; empty where there was none.")
    action: str
    target: str = Field(description="The id of what was changed; empty where that is no single thing.")
    detail: dict[str, Any]
    request_id: str


class AuditPage(Document):
    items: list[AuditEntryDocument]
    next_cursor: str | None


_AT = "2026-11-24T08:00:00.000Z"
_JOB: Mapping[str, Any] = {
    "id": "job_01kd4xb6w1e8r3t5y7h9k2m4n6",
    "kind": "messages.retry",
    "state": "running",
    "parameters": {
        "action": "retry",
        "filter": {"status": ["failed"], "tag": "invoice"},
        "ids": None,
        "newest": "msg_01kd4x5t0c8m2v7q9r3s6w1y4z",
    },
    "total": 5000,
    "done": 2250,
    "changed": 2240,
    "skipped": 10,
    "percent": 45,
    "ids_not_found": None,
    "error": None,
    "created_by": "key_01kd4x2b4d6f8h1k3m5p7r9t2v",
    "created_at": _AT,
    "started_at": _AT,
    "finished_at": None,
}
_RELEASE: Mapping[str, Any] = {
    **_JOB,
    "kind": "suppression.release",
    "parameters": {"suppression": "sup_01kd4x9m3f0g5h7j8k2n4p6q8r", "address": "ann@example.com"},
    "state": "queued",
    "done": 0,
    "changed": 0,
    "skipped": 0,
    "percent": 0,
    "started_at": None,
}
_ENTRY: Mapping[str, Any] = {
    "id": "aud_01kd4xc1f3h5k7m9p2r4t6v8x1",
    "at": _AT,
    "actor": {"kind": "key", "id": "key_01kd4x2b4d6f8h1k3m5p7r9t2v", "name": "shop"},
    "address": "192.0.2.7",
    "action": "message.cancelled",
    "target": "msg_01kd4x5t0c8m2v7q9r3s6w1y4z",
    "detail": {"was": "queued"},
    "request_id": "req_5b1c7e0f9a2d4c6e8b3f1a70",
}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "BulkCount": {
        "action": "retry",
        "matching": 5000,
        "by_status": {"failed": 5000},
        "would_change": 4990,
        "would_skip": 10,
        "ids_not_found": None,
    },
    "JobDocument": _JOB,
    "JobMade": {"job": _JOB},
    "SuppressionRelease": {"address": "ann@example.com", "stopped": 5000, "released": 0, "job": _RELEASE},
    "JobPage": {"items": [_JOB], "next_cursor": None},
    "AuditPage": {"items": [_ENTRY], "next_cursor": None},
}
