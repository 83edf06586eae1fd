"""The shapes of answers about retention, and examples of them."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from appliance.services.retention_report import RunState
from appliance.web.api.documents import Document, Moment

Kind = Literal[
    "messages",
    "bodies",
    "attachments",
    "attempts",
    "mailbox",
    "audit",
    "account_days",
    "idempotency_keys",
    "schedule_runs",
]


class RetentionSettingsDocument(Document):
    """Days; 0: for ever."""

    message_days: int
    body_days: int
    attachment_days: int
    attempt_days: int
    failed_days: int = Field(description="A message that not everybody has got is kept whole for at least this long.")
    mailbox_days: int
    audit_days: int
    account_history_days: int


class RetentionKind(Document):
    kind: Kind
    older_than: Moment = Field(description="What ended before then goes.")
    count: int
    bytes: int = Field(description="About how much room it takes. A file that messages share counts at each of them.")


class RetentionPreview(Document):
    at: Moment = Field(description="When this was counted; it is kept for half a minute.")
    bytes: int
    kinds: list[RetentionKind]


class DatabaseRoom(Document):
    bytes: int
    free_bytes: int | None = Field(description="Room inside that new mail will fill; null: not known.")
    shrinks: bool = Field(description="Whether free room is given back to the disk at each run.")


class RetentionRun(Document):
    state: RunState
    started_at: Moment
    finished_at: Moment | None
    removed: dict[str, int] = Field(description="Counts by kind so far; `files` are those of attachments on disk.")
    database_bytes_before: int
    database_bytes_after: int | None


class RetentionDocument(Document):
    settings: RetentionSettingsDocument
    preview: RetentionPreview = Field(description="What a run would remove now.")
    database: DatabaseRoom
    last_run: RetentionRun | None = Field(description="The one that is at work, else the last one.")
    next_run_at: Moment | None


EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "RetentionDocument": {
        "settings": {
            "message_days": 30,
            "body_days": 30,
            "attachment_days": 30,
            "attempt_days": 30,
            "failed_days": 90,
            "mailbox_days": 30,
            "audit_days": 365,
            "account_history_days": 400,
        },
        "preview": {
            "at": "2026-11-24T08:00:00.000Z",
            "bytes": 6_871_000,
            "kinds": [
                {"kind": "messages", "older_than": "2026-10-25T08:00:00.000Z", "count": 1041, "bytes": 6_871_000},
            ],
        },
        "database": {"bytes": 214_958_080, "free_bytes": 4_096_000, "shrinks": True},
        "last_run": {
            "state": "finished",
            "started_at": "2026-11-24T03:30:00.000Z",
            "finished_at": "2026-11-24T03:30:09.000Z",
            "removed": {"messages": 998, "bodies": 0, "files": 12},
            "database_bytes_before": 221_000_000,
            "database_bytes_after": 214_958_080,
        },
        "next_run_at": "2026-11-25T03:30:00.000Z",
    }
}
