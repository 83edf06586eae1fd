"""An example of each answer, for the OpenAPI document. Tests read each with the model that it stands for."""

from collections.abc import Mapping
from typing import Any

_MESSAGE = "msg_01kd4x5t0c8m2v7q9r3s6w1y4z"
_ACCOUNT = "acc_01kd4x0a7e5h3j9k1m6n8p2q4r"
_ACCEPTED_AT = "2026-11-24T08:00:00.000Z"
_SENT_AT = "2026-11-24T08:00:00.042Z"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

RAW = "From: Shop <shop@example.com>\r\nTo: ann@example.com\r\nSubject: Your invoice\r\n\r\nHello Ann.\r\n"

_SUMMARY: Mapping[str, Any] = {
    "id": _MESSAGE,
    "status": "sent",
    "subject": "Your invoice",
    "to": [{"email": "ann@example.com", "name": "Ann"}],
    "cc": [],
    "bcc": [],
    "priority": "normal",
    "tags": ["invoice"],
    "template": None,
    "account": None,
    "last_account": {"id": _ACCOUNT, "name": "Shop"},
    "reason": None,
    "attempt_count": 1,
    "created_at": _ACCEPTED_AT,
    "send_at": None,
    "expires_at": None,
    "due_at": None,
    "finished_at": _SENT_AT,
}

_DETAIL: Mapping[str, Any] = {
    **_SUMMARY,
    "from": None,
    "reply_to": [],
    "text": "Hello Ann, your invoice is ready.",
    "html": None,
    "content_removed_at": None,
    "headers": {"X-Campaign": "november"},
    "attachments": [],
    "metadata": {"invoice": 1041},
    "message_id": "<5f0d1c0b8a7e4d3c9b2a1f0e6d5c4b3a@mail.example.com>",
    "request_id": "req_5b1c7e0f9a2d4c6e8b3f1a70",
    "explanation": ("The next server accepted it for its recipient; what happens after that is that server's to say."),
    "recipients": [
        {
            "email": "ann@example.com",
            "name": "Ann",
            "kind": "to",
            "status": "sent",
            "reply_code": 250,
            "reply_text": "2.0.0 Ok: queued as 4B2C1",
            "finished_at": _SENT_AT,
        }
    ],
    "attempts": [
        {
            "number": 1,
            "account": _ACCOUNT,
            "account_name": "Shop",
            "server": "smtp.example.com:587",
            "stage": "data",
            "outcome": "sent",
            "reply_code": 250,
            "reply_text": "2.0.0 Ok: queued as 4B2C1",
            "started_at": _ACCEPTED_AT,
            "duration_ms": 38,
        }
    ],
}

_ONE_ACCOUNT: Mapping[str, Any] = {
    "id": _ACCOUNT,
    "name": "Shop",
    "email": "shop@example.com",
    "transport": "smtp",
    "host": "smtp.example.com",
    "port": 587,
    "security": "starttls",
    "username": "shop@example.com",
    "has_password": True,
    "daily_limit": 500,
    "priority": 0,
    "active": True,
    "sent_today": 17,
    "state": "ready",
    "last_error": None,
    "last_error_at": None,
    "resting_until": None,
    "created_at": _ACCEPTED_AT,
    "updated_at": _ACCEPTED_AT,
}

_SUPPRESSION: Mapping[str, Any] = {
    "id": "sup_01kd4x9m3f0g5h7j8k2n4p6q8r",
    "address": "ann@example.com",
    "reason": "asked to be left alone",
    "source": "api",
    "stopped": 2,
    "created_at": _ACCEPTED_AT,
    "expires_at": None,
}

SUPPRESSIONS_CSV = "address,reason,expires_at\r\nann@example.com,asked to be left alone,\r\nexample.org,,\r\n"

_STATES = ("scheduled", "queued", "sending", "deferred", "held")
_ENDS = ("sent", "partially_sent", "failed", "suppressed", "cancelled")

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "Accepted": {"id": _MESSAGE, "status": "queued", "created_at": _ACCEPTED_AT},
    "BatchAnswer": {
        "accepted": 1,
        "refused": 1,
        "results": [
            {"id": _MESSAGE, "status": "queued", "created_at": _ACCEPTED_AT},
            {
                "error": {
                    "type": "/docs/errors/invalid_fields",
                    "title": "Some fields are not right",
                    "status": 422,
                    "code": "invalid_fields",
                    "detail": "Some fields are not right; see errors.",
                    "errors": [{"field": "to[0]", "message": "Write it as name@example.com.", "code": "invalid"}],
                }
            },
        ],
    },
    "DryRun": {
        "status": "queued",
        "reason": None,
        "due_at": _ACCEPTED_AT,
        "explanation": "It would go out at once, through the sender account 'Shop'.",
        "account": {"id": _ACCOUNT, "name": "Shop", "email": "shop@example.com"},
        "recipients": [{"email": "ann@example.com", "name": "Ann", "kind": "to", "status": "pending"}],
        "size": len(RAW),
        "raw": RAW,
    },
    "MessagePage": {"items": [_SUMMARY], "next_cursor": None},
    "MessageDetail": _DETAIL,
    "MessageChanged": _DETAIL,
    "Account": _ONE_ACCOUNT,
    "AccountPage": {"items": [_ONE_ACCOUNT], "next_cursor": None},
    "AccountReport": {
        "ok": True,
        "message": "The server accepted the login.",
        "dialogue": ["S: 220 smtp.example.com ESMTP", "C: EHLO mail.example.com"],
    },
    "AttachmentDocument": {
        "id": "att_01kd4x7w2d9n4p6q8r1s3t5v7x",
        "filename": "invoice.pdf",
        "size": 48213,
        "content_type": "application/pdf",
        "sha256": _SHA256,
        "created_at": _ACCEPTED_AT,
        "expires_at": "2026-12-01T08:00:00.000Z",
    },
    "SuppressionDocument": _SUPPRESSION,
    "SuppressionPage": {"items": [_SUPPRESSION], "next_cursor": None},
    "SuppressionRemoval": {"address": "ann@example.com", "stopped": 2, "released": 2},
    "SuppressionImport": {
        "imported": 1040,
        "refused_count": 1,
        "refused": [{"line": 17, "message": "'ann' is neither an e-mail address nor a domain."}],
    },
    "System": {
        "version": "1.0.0",
        "started_at": _ACCEPTED_AT,
        "timezone": "UTC",
        "components": [
            {"name": "worker", "status": "running", "detail": "", "since": _ACCEPTED_AT, "restarts": 0},
        ],
        "messages": {**dict.fromkeys(_STATES, 0), **dict.fromkeys(_ENDS, 0), "sent": 1041},
        "oldest": {},
        "broker_queues": {"normal": 0},
        "schedule": {"reset_email_daily_counts": "2026-11-25T00:00:00.000Z"},
        "gauges": {"hub_lag_seconds": 0.001},
    },
    "Inspection": {"postroom@mail": []},
}
