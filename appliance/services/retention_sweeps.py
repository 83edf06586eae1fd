"""What goes at which age: one sweep a kind of thing, in the order in which they are made."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from appliance.config.settings import RetentionSettings, ScheduleSettings
from appliance.db.models import AccountDay, AuditEntry, IdempotencyKey, KeptMail, ScheduleRun
from appliance.db.models.base import affected
from appliance.db.models.message_removal import release_attachments, remove_attempts, remove_bodies, remove_finished
from appliance.db.queries import aged
from appliance.db.queries.aged import Ages, Find
from appliance.services.idempotency import IDEMPOTENCY_HOURS

MESSAGE_STEP = 25  # messages of one write: some 5 ms of work, for each has rows in seven tables
STEP = 200


@dataclass(frozen=True, slots=True)
class Sweep:
    """`find` looks at `step` things after a place; `remove` takes those that may go, inside a write, perhaps twice."""

    kind: str
    older_than: datetime
    find: Find
    remove: Callable[[Session, Sequence[str]], int]
    step: int = STEP


def sweeps(settings: RetentionSettings, now: datetime) -> list[Sweep]:
    """Without those whose age is "for ever"."""
    return [*_of_messages(settings, now), *_of_other_things(settings, now)]


def _of_messages(settings: RetentionSettings, now: datetime) -> Iterator[Sweep]:
    """Attachments first, because a message that is gone cannot tell how much its files took.

    Bodies and attempts that would only go when their message does are not looked for.
    """
    whole = _ages(settings.message_days, settings, now)
    files = _ages(_soonest(settings.attachment_days, settings.message_days), settings, now)
    bodies, attempts = _ages(settings.body_days, settings, now), _ages(settings.attempt_days, settings, now)
    if files.ended:
        find = aged.attachments(files)
        yield Sweep("attachments", files.ended, find, partial(_at, release_attachments, now))
    if whole.ended:
        find = aged.messages(whole)
        yield Sweep("messages", whole.ended, find, remove_finished, MESSAGE_STEP)
    if bodies.ended and _sooner(settings.body_days, settings.message_days):
        find = aged.bodies(bodies, whole)
        yield Sweep("bodies", bodies.ended, find, partial(_at, remove_bodies, now))
    if attempts.ended and _sooner(settings.attempt_days, settings.message_days):
        find = aged.attempts(attempts, whole)
        yield Sweep("attempts", attempts.ended, find, remove_attempts)


def _of_other_things(settings: RetentionSettings, now: datetime) -> Iterator[Sweep]:
    if settings.mailbox_days:
        before = now - timedelta(days=settings.mailbox_days)
        yield Sweep("mailbox", before, aged.kept_mail(before), partial(_remove, KeptMail.id))
    if settings.audit_days:
        before = now - timedelta(days=settings.audit_days)
        yield Sweep("audit", before, aged.audit_entries(before), partial(_remove, AuditEntry.id))
    if settings.account_history_days:
        before = now - timedelta(days=settings.account_history_days)
        find = aged.account_days(before.date().isoformat())
        yield Sweep("account_days", before, find, partial(_remove, AccountDay.day))
    before = now - timedelta(hours=IDEMPOTENCY_HOURS)
    yield Sweep("idempotency_keys", before, aged.idempotency_keys(before), _remove_idempotency_keys)
    known = tuple(ScheduleSettings.model_fields)
    yield Sweep("schedule_runs", now, aged.schedule_runs(known), partial(_remove, ScheduleRun.key))


def _ages(days: int, settings: RetentionSettings, now: datetime) -> Ages:
    """What not everybody has got stays for the longer of its two ages."""
    if not days:
        return Ages(None, None)
    failed = max(days, settings.failed_days) if settings.failed_days else 0
    return Ages(now - timedelta(days=days), now - timedelta(days=failed) if failed else None)


def _soonest(*days: int) -> int:
    """Of the ages that are not "for ever", which is 0."""
    return min((one for one in days if one), default=0)


def _sooner(days: int, others: int) -> bool:
    return bool(days) and (others == 0 or days < others)


def _at(remove: Callable[..., int], now: datetime, session: Session, ids: Sequence[str]) -> int:
    return remove(session, ids, now=now)


def _remove(key: Any, session: Session, ids: Sequence[str]) -> int:
    return affected(session, delete(key.class_).where(key.in_(ids)))


def _remove_idempotency_keys(session: Session, ids: Sequence[str]) -> int:
    return affected(session, delete(IdempotencyKey).where(IdempotencyKey.id.in_([int(one) for one in ids])))
