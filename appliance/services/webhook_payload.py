"""What a webhook says: JSON in the form that Standard Webhooks recommends, `type`, `timestamp` and `data`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from appliance.db.models import Event, SenderAccount, WebhookEndpoint
from appliance.db.queries import webhook_events
from appliance.db.queries.webhook_events import MessageRow, RecipientRow

TEST = "webhook.test"
PAUSED = "webhook.paused"


def written(kind: str, at: datetime, data: Mapping[str, Any]) -> str:
    body = {"type": kind, "timestamp": _moment(at), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def of_events(session: Session, events: Sequence[Event]) -> Iterable[tuple[Event, str]]:
    """Each event with what is told of it: the thing as it stands now, which is within a second or so after it."""
    message_ids = {event.message_id for event in events if event.message_id}
    messages = webhook_events.messages(session, message_ids) if message_ids else {}
    recipients = webhook_events.recipients(session, messages) if messages else {}
    accounts = webhook_events.accounts(session, {event.account_id for event in events if event.account_id})
    for event in events:
        account = accounts.get(event.account_id or "")
        if event.message_id is None:
            data = _account(event, account)
        else:
            data = _message(event, messages.get(event.message_id), recipients.get(event.message_id, ()), account)
        yield event, written(event.kind, event.at, data)


def of_test(endpoint_id: str, at: datetime) -> str:
    return written(TEST, at, {"endpoint": endpoint_id, "text": "This is a test. The endpoint works."})


def of_pause(endpoint: WebhookEndpoint, reason: str, at: datetime) -> str:
    """Of the URL only the host: the rest is often as good as a password, and this goes to somebody else."""
    return written(PAUSED, at, {"id": endpoint.id, "host": urlsplit(endpoint.url).hostname, "reason": reason})


def _message(
    event: Event, message: MessageRow | None, recipients: Iterable[RecipientRow], account: SenderAccount | None
) -> dict[str, Any]:
    """`reason` is the event's own; a message that has been deleted meanwhile leaves only what the event knows."""
    known = {"id": event.message_id, "reason": event.reason or None, "tags": event.tags}
    sender = {"account": {"id": account.id, "name": account.name} if account else None}
    if message is None:
        return {**known, "status": None, **sender}
    return {
        "id": message.id,
        "status": message.status,
        "reason": event.reason or None,
        "detail": message.detail or None,
        "subject": message.subject,
        "message_id": message.rfc_message_id,
        "tags": message.tags,
        "metadata": message.meta,
        "attempt_count": message.attempts,
        "created_at": _moment(message.created_at),
        "due_at": _moment(message.due_at),
        "finished_at": _moment(message.finished_at),
        **sender,
        "recipients": [_recipient(one) for one in recipients],
    }


def _recipient(row: RecipientRow) -> dict[str, Any]:
    return {
        "email": row.email,
        "name": row.name,
        "kind": row.kind,
        "status": row.status,
        "reply_code": row.reply_code,
        "reply_text": row.reply_text or None,
    }


def _account(event: Event, account: SenderAccount | None) -> dict[str, Any]:
    if account is None:
        return {"id": event.account_id}
    return {
        "id": account.id,
        "name": account.name,
        "email": account.email,
        "active": account.active,
        "daily_limit": account.daily_limit,
        "resting_until": _moment(account.breaker_until),
        "last_error": account.last_error or None,
    }


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
