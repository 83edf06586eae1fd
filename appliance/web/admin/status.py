"""/: is everything well, and if not, what is wrong."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template

from appliance import __version__
from appliance.clock import local_date, next_midnight
from appliance.db.models import SenderAccount
from appliance.db.models.rollup import Unit
from appliance.db.models.sender_account import TransportKind
from appliance.db.queries import accounts, messages, webhooks
from appliance.db.queries.report import Question, report
from appliance.services.webhook_endpoints import BY_HAND
from appliance.web.admin.chart import Chart, chart
from appliance.web.context import web
from appliance.web.figures import kept

blueprint = Blueprint("status", __name__)


@dataclass(frozen=True, slots=True)
class Quota:
    """A sender account as it stands now."""

    account: SenderAccount
    state: str
    sent: int

    @property
    def trouble(self) -> bool:
        """Whether its last error still matters: one that the account has recovered from does not."""
        return self.account.breaker_until is not None and bool(self.account.last_error)


@blueprint.get("/")
def show() -> str:
    now = web().clock()
    with web().read() as session:
        counts = messages.counts_by_status(session)
        oldest = messages.oldest_unfinished_at(session)
        senders = accounts.by_priority(session)
        paused_webhooks = webhooks.paused(session)
        last_day = _last_day(session)
    return render_template(
        "status.html",
        now=now,
        version=__version__,
        started_at=web().started_at,
        components=web().telemetry.health(),
        counts=counts,
        oldest=oldest,
        paused_webhooks=[one for one in paused_webhooks if one.paused_reason != BY_HAND],
        last_day=last_day,
        quotas=quotas(senders, now),
        reset_at=next_midnight(now, web().zone),
        next_runs=_in_order(dict(web().telemetry.next_runs())),
        waiting=web().services.box.waiting() if web().services.box.paused else None,
        accounts={one.id: one.name for one in senders},
        backups=web().services.backups.items(),
        last_backup=web().services.backups.last_run(),
        only_mailbox=all(one.transport == TransportKind.MAILBOX for one in senders),
    )


def _last_day(session: Any) -> Chart | None:
    span = kept().span(None, None, Unit.HOUR)
    return chart(report(session, Question(span, by_time=True))) if span is not None else None


def quotas(senders: Any, now: datetime) -> list[Quota]:
    today = local_date(now, web().zone)
    return [Quota(one, str(one.state(now, today)), one.sent_on(today)) for one in senders]


def _in_order(runs: dict[str, datetime | None]) -> list[tuple[str, datetime | None]]:
    """The soonest first, those that never run last."""
    return sorted(runs.items(), key=lambda run: (run[1] is None, run[1].timestamp() if run[1] else 0.0, run[0]))
