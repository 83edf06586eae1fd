"""The page of one message: where it is, what happened to it in order, whom it went to, and what it says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app, render_template, url_for

from appliance.db.models import AuditEntry, DeliveryAttempt, Message
from appliance.db.models.message import RETRYABLE, UNFINISHED, WAITING, MessageStatus
from appliance.db.queries import access, audit
from appliance.db.queries.audit import AuditFilters
from appliance.services.explanation import explain
from appliance.web import flower_proxy
from appliance.web.admin import message_parts
from appliance.web.api.representations import PRIORITIES, scene
from appliance.web.context import web

MOST_ENTRIES = 50
LOG = "admin.logs.index"


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the timeline: an attempt, what somebody did, or a moment of the message itself."""

    at: datetime
    kind: str
    attempt: DeliveryAttempt | None = None
    entry: AuditEntry | None = None


def detail_page(message_id: str) -> str:
    """Raises NotFound."""
    detail = message_parts.detail(message_id)
    message, status = detail.message, detail.message.status
    with web().read() as session:
        entries, _ = audit.page(session, AuditFilters(target=message_id), limit=MOST_ENTRIES)
        key = access.api_key(session, message.api_key_id) if message.api_key_id else None
    return render_template(
        "message.html",
        detail=detail,
        message=message,
        attachments=message_parts.files(message_id),
        happenings=sorted(_happenings(message, detail.attempts, entries), key=lambda one: one.at),
        key=key,
        now=web().clock(),
        explanation=explain(scene(detail)),
        accounts={account.id: account for account in detail.accounts},
        priorities=PRIORITIES,
        tasks=_tasks(detail.attempts),
        log=_log(message),
        can_retry=status in RETRYABLE and not _expired(message) and message.content_removed_at is None,
        can_release=status == MessageStatus.HELD,
        can_cancel=status in WAITING,
        can_delete=status not in UNFINISHED,
        unfinished=status in UNFINISHED,
    )


def _happenings(
    message: Message, attempts: Sequence[DeliveryAttempt], entries: Sequence[AuditEntry]
) -> Iterator[Happening]:
    yield Happening(message.created_at, "accepted")
    yield from (Happening(one.started_at, "attempt", attempt=one) for one in attempts)
    yield from (Happening(one.at, "entry", entry=one) for one in entries)
    if message.retried_at and not any(abs((one.at - message.retried_at).total_seconds()) < 1 for one in entries):
        yield Happening(message.retried_at, "retried")  # by a job, which has an entry of its own
    if message.finished_at:
        yield Happening(message.finished_at, "finished")


def _tasks(attempts: Sequence[DeliveryAttempt]) -> dict[str, str]:
    """By claim, where Flower shows its task: it knows those since the appliance was started."""
    if not flower_proxy.is_enabled():
        return {}
    since = web().started_at
    known = {one.claim_id for one in attempts if one.claim_id and one.started_at >= since}
    return {claim: f"{flower_proxy.PREFIX}/task/{claim}" for claim in known}


def _log(message: Message) -> str:
    """Where the log tells of its request; empty when there is no such page."""
    if not message.request_id or LOG not in current_app.view_functions:
        return ""
    values: dict[str, Any] = {"request_id": message.request_id}
    return url_for(LOG, **values)


def _expired(message: Message) -> bool:
    return message.expires_at is not None and message.expires_at <= web().clock()
