"""The page of one message: where it is, what happened to it in order, whom it went to, and what it says."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask import current_app, render_template, url_for

from appliance.db.models import AuditEntry, DeliveryAttempt, Message, MessageDeed
from appliance.db.models.message import RETRYABLE, UNFINISHED, WAITING, MessageStatus
from appliance.db.queries import access, audit, jobs, messages
from appliance.db.queries.audit import AuditFilters
from appliance.db.queries.messages import Detail
from appliance.services.explanation import explain
from appliance.web import flower_proxy
from appliance.web.admin import message_parts, message_ways
from appliance.web.api.representations import PRIORITIES, scene
from appliance.web.context import web

MOST_ENTRIES = 50
RETRIED = "message.retried"
A_SECOND = timedelta(seconds=1)
LOG = "admin.logs.index"


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the timeline: an attempt, what somebody did, or a moment of the message itself."""

    at: datetime
    kind: str
    attempt: DeliveryAttempt | None = None
    number: int = 0  # of the attempt, in the whole life of the message
    since_retry: int | None = None  # which one it is since then; None: the message was not retried before it
    entry: AuditEntry | None = None
    deed: MessageDeed | None = None

    @property
    def action(self) -> str:
        return self.entry.action if self.entry else self.deed.action if self.deed else ""


def detail_page(message_id: str) -> str:
    """Raises NotFound."""
    detail = message_parts.detail(message_id)
    message, status = detail.message, detail.message.status
    with web().read() as session:
        entries, _ = audit.page(session, AuditFilters(target=message_id), limit=MOST_ENTRIES)
        deeds = messages.deeds(session, message_id, limit=MOST_ENTRIES)
        known_jobs = jobs.known(session, (one.job_id for one in deeds))
        key = access.api_key(session, message.api_key_id) if message.api_key_id else None
    return render_template(
        "message.html",
        detail=detail,
        message=message,
        attachments=message_parts.files(message_id),
        happenings=list(_in_order([*_happenings(detail), *_done(message, entries, deeds)])),
        known_jobs=known_jobs,
        key=key,
        now=web().clock(),
        explanation=explain(scene(detail)),
        ways=message_ways.ways(detail),
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


def _happenings(detail: Detail) -> Iterator[Happening]:
    message, numbers = detail.message, detail.numbers
    yield Happening(message.created_at, "accepted")
    yield from (Happening(one.started_at, "attempt", attempt=one, number=numbers[one.id]) for one in detail.attempts)
    if message.finished_at:
        yield Happening(message.finished_at, "finished")


def _done(message: Message, entries: Sequence[AuditEntry], deeds: Sequence[MessageDeed]) -> Iterator[Happening]:
    """What somebody did: to this message alone, and to it together with others."""
    found = [Happening(one.at, "entry", entry=one) for one in entries]
    found += [Happening(one.at, "deed", deed=one) for one in deeds]
    yield from found
    retries = [one.at for one in found if one.action == RETRIED]
    if message.retried_at and not any(abs(at - message.retried_at) < A_SECOND for at in retries):
        yield Happening(message.retried_at, RETRIED)  # before it was kept who did that together with others


def _in_order(happenings: Iterable[Happening]) -> Iterator[Happening]:
    """The limit of attempts counts anew after a retry, and so do the sentences that explain a message."""
    retried = False
    for one in sorted(happenings, key=lambda one: one.at):
        retried = retried or RETRIED in (one.action, one.kind)
        yield replace(one, since_retry=one.attempt.number) if retried and one.attempt else one


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
