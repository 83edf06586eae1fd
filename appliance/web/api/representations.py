"""How things look as JSON: times in RFC 3339 UTC, secrets never."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from appliance.clock import local_date
from appliance.db.models import DeliveryAttempt, Message, MessageAttachment, Recipient, SenderAccount
from appliance.db.models.message import Priority
from appliance.db.queries.messages import AccountOfAttempt, Detail
from appliance.services.dry_run import DryRunResult
from appliance.services.explanation import Scene, explain
from appliance.services.submit_message import Accepted
from appliance.web import standstill
from appliance.web.context import web

PRIORITIES = {Priority.HIGH: "high", Priority.NORMAL: "normal", Priority.LOW: "low"}


def moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message_summary(
    message: Message, recipients: Sequence[Recipient], template_slug: str | None, last_account: AccountOfAttempt | None
) -> dict[str, Any]:
    return {
        "id": message.id,
        "status": message.status,
        "subject": message.subject,
        "to": _addresses(recipients, "to"),
        "cc": _addresses(recipients, "cc"),
        "bcc": _addresses(recipients, "bcc"),
        "priority": PRIORITIES[Priority(message.priority)],
        "tags": message.tags,
        "template": _template(message, template_slug),
        "account": message.account_id,
        "last_account": {"id": last_account.id, "name": last_account.name} if last_account else None,
        "reason": message.reason or None,
        "attempt_count": message.attempts,
        "created_at": moment(message.created_at),
        "send_at": moment(message.send_at),
        "expires_at": moment(message.expires_at),
        "due_at": moment(message.due_at),
        "finished_at": moment(message.finished_at),
    }


def message_detail(detail: Detail, files: Sequence[MessageAttachment]) -> dict[str, Any]:
    message = detail.message
    last = detail.attempts[-1] if detail.attempts else None
    last_account = AccountOfAttempt(last.account_id, last.account_name) if last else None
    return message_summary(message, detail.recipients, detail.template_slug, last_account) | {
        "from": {"email": message.sender_email, "name": message.sender_name} if message.sender_email else None,
        "reply_to": message.reply_to,
        "text": detail.body.text if detail.body else None,
        "html": detail.body.html if detail.body else None,
        "content_removed_at": moment(message.content_removed_at),
        "headers": message.headers,
        "attachments": [_attachment(file) for file in files],
        "metadata": message.meta,
        "message_id": message.rfc_message_id,
        "request_id": message.request_id,
        "explanation": explain(scene(detail)),
        "recipients": [_recipient(recipient) for recipient in detail.recipients],
        "attempts": [_attempt(one, detail.numbers[one.id]) for one in detail.attempts],
    }


def message_standing(detail: Detail) -> dict[str, Any]:
    """What became of it, and nothing of what it says."""
    message = detail.message
    return {
        "id": message.id,
        "status": message.status,
        "reason": message.reason or None,
        "explanation": explain(scene(detail)),
        "created_at": moment(message.created_at),
        "due_at": moment(message.due_at),
        "finished_at": moment(message.finished_at),
    }


def _template(message: Message, slug: str | None) -> dict[str, Any] | None:
    if message.template_id is None:
        return None
    return {"slug": slug, "version": message.template_version, "locale": message.template_locale}


def accepted(accepted: Accepted) -> dict[str, Any]:
    return {"id": accepted.id, "status": accepted.status, "created_at": moment(accepted.created_at)}


def dry_run(result: DryRunResult) -> dict[str, Any]:
    account = result.account
    return {
        "status": result.status,
        "reason": result.reason or None,
        "due_at": moment(result.due_at),
        "explanation": result.explanation,
        "account": {"id": account.id, "name": account.name, "email": account.email} if account else None,
        "recipients": [
            {"email": one.email, "name": one.name, "kind": one.kind, "status": one.status} for one in result.recipients
        ],
        "size": len(result.raw) if result.raw is not None else None,
        "raw": result.raw.decode(errors="replace") if result.raw is not None else None,
    }


def scene(detail: Detail) -> Scene:
    accounts = {account.id: account for account in detail.accounts}
    now, zone = web().clock(), web().zone
    pause = web().services.box.pause_in_force()
    return Scene(detail.message, detail.recipients, accounts, now, zone, detail.ahead, standstill.reason(), pause)


def account(account: SenderAccount) -> dict[str, Any]:
    now = web().clock()
    today = local_date(now, web().zone)
    return {
        "id": account.id,
        "name": account.name,
        "email": account.email,
        "transport": account.transport,
        "host": account.host,
        "port": account.port,
        "security": account.security,
        "username": account.username,
        "has_password": bool(account.password_encrypted),
        "daily_limit": account.daily_limit,
        "priority": account.priority,
        "active": account.active,
        "sent_today": account.sent_on(today),
        "state": account.state(now, today),
        "last_error": account.last_error or None,
        "last_error_at": moment(account.last_error_at),
        "resting_until": moment(account.breaker_until),
        "created_at": moment(account.created_at),
        "updated_at": moment(account.updated_at),
    }


def _addresses(recipients: Sequence[Recipient], kind: str) -> list[dict[str, str]]:
    return [{"email": one.email, "name": one.name} for one in recipients if one.kind == kind]


def _recipient(recipient: Recipient) -> dict[str, Any]:
    return {
        "email": recipient.email,
        "name": recipient.name,
        "kind": recipient.kind,
        "status": recipient.status,
        "reply_code": recipient.reply_code,
        "reply_text": recipient.reply_text or None,
        "finished_at": moment(recipient.finished_at),
    }


def _attachment(file: MessageAttachment) -> dict[str, Any]:
    return {
        "filename": file.filename,
        "size": file.size,
        "content_type": file.content_type,
        "content_id": file.content_id,
        "sha256": file.sha256,
        "removed_at": moment(file.removed_at),
    }


def _attempt(attempt: DeliveryAttempt, number: int) -> dict[str, Any]:
    return {
        "number": number,
        "account": attempt.account_id,
        "account_name": attempt.account_name,
        "server": attempt.server or None,
        "stage": attempt.stage or None,
        "outcome": attempt.outcome,
        "reply_code": attempt.reply_code,
        "reply_text": attempt.reply_text or None,
        "started_at": moment(attempt.started_at),
        "duration_ms": attempt.duration_ms,
    }
