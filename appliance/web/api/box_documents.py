"""The shapes of requests and answers about the box as a whole and its backups, and an example of each."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field

from appliance.db.models.box import PauseReason
from appliance.db.models.message import MessageStatus
from appliance.services.box import LONGEST_REASON
from appliance.web.api.documents import Document, Moment
from appliance.web.api.schemas import Request

_RESTORED_AT = "2026-11-24T08:00:00.000Z"
_BACKUP_AT = "2026-11-24T03:00:00.000Z"


class PauseRequest(Request):
    model_config = ConfigDict(json_schema_extra={"example": {"reason": "The relay moves to another data centre."}})

    reason: str = Field("", max_length=LONGEST_REASON, description="What people are told who wonder.")


class ResumeRequest(Request):
    model_config = ConfigDict(json_schema_extra={"example": {"waiting": "hold"}})

    waiting: Literal["send", "hold", "cancel"] = Field(
        "send",
        description="What becomes of the messages that wait: `send` them, `hold` them for a person, or `cancel` them. "
        "With hold and cancel sending starts when all of them are; those to be sent later than now are not held.",
    )


class WaitingOfAccount(Document):
    account: str | None = Field(description="The sender account that was asked for; null: any.")
    count: int


class WaitingMessages(Document):
    counted_at: Moment = Field(description="At most a minute ago.")
    total: int
    by_status: dict[MessageStatus, int]
    by_account: list[WaitingOfAccount]
    oldest: Moment | None = Field(description="When the oldest of them was accepted.")


class BoxDocument(Document):
    paused: bool = Field(description="Messages are accepted, and neither they nor webhooks are sent.")
    reason: PauseReason | None = Field(description="`restored`: this box came out of a backup; `asked`: somebody did.")
    detail: str | None = Field(description="The words of whoever paused it.")
    paused_by: str | None
    paused_at: Moment | None
    backup_made_at: Moment | None = Field(description="Of the backup that it was restored from.")
    waiting: WaitingMessages | None = Field(description="What would be sent; null: it is not paused.")
    job: str | None = Field(description="The job that holds or cancels what waits, in the answer to resuming.")


class BackupItem(Document):
    name: str
    size: int = Field(description="Bytes.")
    created_at: Moment
    verified: bool = Field(description="It was read back and compared after it was written.")
    verified_at: Moment | None
    missing_attachments: int = Field(description="Files of attachments that were gone from the disk, so it lacks them.")
    missing_for_waiting: int = Field(description="Those among them that messages need which are not sent yet.")


class BackupRunDocument(Document):
    at: Moment
    ok: bool
    name: str | None
    size: int
    seconds: float
    error: str | None = Field(description="Why there is no backup.")
    missing_attachments: int = Field(description="Files of attachments that were gone from the disk, so it lacks them.")
    missing_for_waiting: int = Field(description="Those among them that messages need which are not sent yet.")


class BackupPage(Document):
    items: list[BackupItem] = Field(description="Newest first; all of them.")
    next_cursor: str | None
    directory: str
    keep: int = Field(description="How many are kept.")
    last_run: BackupRunDocument | None = Field(description="Of the schedule, or that somebody asked for.")
    next_run_at: Moment | None


_BACKUP = {
    "name": "postroom-20261124T030000Z.tar.zst",
    "size": 104857600,
    "created_at": _BACKUP_AT,
    "verified": True,
    "verified_at": "2026-11-24T03:00:12.000Z",
    "missing_attachments": 0,
    "missing_for_waiting": 0,
}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "BoxDocument": {
        "paused": True,
        "reason": "restored",
        "detail": None,
        "paused_by": None,
        "paused_at": _RESTORED_AT,
        "backup_made_at": _BACKUP_AT,
        "waiting": {
            "counted_at": _RESTORED_AT,
            "total": 42,
            "by_status": {"queued": 40, "deferred": 2},
            "by_account": [{"account": None, "count": 42}],
            "oldest": "2026-11-24T02:58:01.000Z",
        },
        "job": None,
    },
    "BackupPage": {
        "items": [_BACKUP],
        "next_cursor": None,
        "directory": "/var/lib/postroom/backups",
        "keep": 7,
        "last_run": {
            "at": _BACKUP_AT,
            "ok": True,
            "name": "postroom-20261124T030000Z.tar.zst",
            "size": 104857600,
            "seconds": 12.1,
            "error": None,
            "missing_attachments": 0,
            "missing_for_waiting": 0,
        },
        "next_run_at": "2026-11-25T03:00:00.000Z",
    },
}
