"""/: is everything well, and if not, what is wrong."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template

from appliance import __version__
from appliance.clock import local_date, next_midnight
from appliance.db.models import SenderAccount, WebhookEndpoint
from appliance.db.models.alert import AlertKind
from appliance.db.models.rollup import Unit
from appliance.db.models.sender_account import AccountState, TransportKind
from appliance.db.queries import account_tests, accounts, messages, webhooks
from appliance.db.queries.account_tests import FailedTest
from appliance.db.queries.report import Question, report
from appliance.services.alerts import OpenAlert
from appliance.services.routing import standings
from appliance.services.webhook_endpoints import BY_HAND
from appliance.web.admin.chart import Course, course
from appliance.web.admin.machine import machine
from appliance.web.context import web
from appliance.web.figures import kept

blueprint = Blueprint("status", __name__)


@dataclass(frozen=True, slots=True)
class Quota:
    """A sender account as it stands now."""

    account: SenderAccount
    state: str
    sent: int
    failed_test: FailedTest | None = None

    @property
    def trouble(self) -> bool:
        """Whether its last error still matters: one that the account has recovered from does not."""
        return self.account.breaker_until is not None and bool(self.account.last_error)

    @property
    def is_broken(self) -> bool:
        return self.trouble and self.state in (AccountState.RESTING, AccountState.PROBING)


@blueprint.get("/")
def show() -> str:
    now = web().clock()
    with web().read() as session:
        counts = messages.counts_by_status(session)
        oldest = messages.oldest_unfinished_at(session)
        senders = accounts.by_priority(session)
        failed = {one.id: account_tests.still_failed(session, one) for one in senders}
        paused = [one for one in webhooks.paused(session) if one.paused_reason != BY_HAND]
        by_hour, by_day = _course(session, Unit.HOUR), _course(session, Unit.DAY)
    found = [replace(one, failed_test=failed[one.account.id]) for one in quotas(senders, now)]
    last_backup = web().services.backups.last_run()
    return render_template(
        "status.html",
        now=now,
        alerts=_others(
            web().services.alerts.open(), found, paused, backup_failed=bool(last_backup and last_backup.error)
        ),
        version=__version__,
        started_at=web().started_at,
        components=web().telemetry.health(),
        machine=machine(),
        short=web().services.capacity.short(),
        storage_trouble=web().services.storage.trouble(),
        storage_damaged=web().services.storage.is_damaged(),
        counts=counts,
        oldest=oldest,
        paused_webhooks=paused,
        by_hour=by_hour,
        by_day=by_day,
        quotas=found,
        reset_at=next_midnight(now, web().zone),
        next_runs=_in_order(dict(web().telemetry.next_runs())),
        waiting=web().services.box.waiting() if web().services.box.paused else None,
        accounts={one.id: one.name for one in senders},
        backups=web().services.backups.items(),
        last_backup=last_backup,
        only_mailbox=all(one.transport == TransportKind.MAILBOX for one in senders),
    )


def quotas(senders: Sequence[SenderAccount], now: datetime) -> list[Quota]:
    """Of all accounts: how one stands depends on whether there are others."""
    today = local_date(now, web().zone)
    states = standings(senders, now, today)
    return [Quota(one, states[one.id], one.sent_on(today)) for one in senders]


def _others(
    alerts: Iterable[OpenAlert], found: Iterable[Quota], paused: Iterable[WebhookEndpoint], *, backup_failed: bool
) -> list[OpenAlert]:
    """Those that the page does not tell of by what it sees itself, which is fresher than an alert."""
    told = {(AlertKind.ACCOUNT_BROKEN, one.account.id) for one in found if one.is_broken}
    told |= {(AlertKind.WEBHOOK, one.id) for one in paused}
    return [
        one
        for one in alerts
        if (one.kind, one.subject) not in told and not (one.kind == AlertKind.BACKUP and backup_failed)
    ]


def _course(session: Any, unit: Unit) -> Course | None:
    """The last 24 hours, or 30 days."""
    span = kept().span(None, None, unit)
    return course(report(session, Question(span, by_time=True)), unit, web().zone) if span is not None else None


def _in_order(runs: dict[str, datetime | None]) -> list[tuple[str, datetime | None]]:
    """The soonest first, those that never run last."""
    return sorted(runs.items(), key=lambda run: (run[1] is None, run[1].timestamp() if run[1] else 0.0, run[0]))
