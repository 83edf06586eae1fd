"""/alerts: what needs a person now, what did, and who is told of it."""

from flask import Blueprint, render_template, request, url_for

from appliance.config.alert_settings import kind_of
from appliance.db.models import Alert
from appliance.db.models.alert import AlertKind
from appliance.db.queries import alerts
from appliance.services import alert_words
from appliance.services.alert_news import Told
from appliance.web.context import web

blueprint = Blueprint("alerts", __name__, url_prefix="/alerts")

PAGE = 50


@blueprint.get("")
def index() -> str:
    return _page()


@blueprint.post("/test")
def test() -> str:
    """Shown at once instead of after a redirect: what became of it is kept nowhere."""
    return _page(told=web().services.alerts.test())


def place_of(kind: str, subject: str) -> str:
    """Where one mends it."""
    match AlertKind(kind):
        case AlertKind.ACCOUNT_BROKEN | AlertKind.ACCOUNT_EXHAUSTED:
            return url_for("admin.accounts.show", account_id=subject)
        case AlertKind.FAILURE_RATE:
            return url_for("admin.messages.index", status="failed")
        case AlertKind.QUEUE_AGE:
            return url_for("admin.messages.index", status="queued")
        case AlertKind.DISK:
            return url_for("admin.retention.index")
        case AlertKind.COMPONENT:
            return url_for("admin.logs.index", level="error")
        case AlertKind.BACKUP | AlertKind.BACKUP_INCOMPLETE:
            return url_for("admin.backups.index")
        case AlertKind.CERTIFICATE:
            return url_for("admin.accounts.index")
        case AlertKind.WEBHOOK:
            return url_for("admin.webhooks.show", webhook_id=subject)
        case AlertKind.UNHEARD:
            return url_for("admin.suppressions.index", q=subject)


def _page(told: Told | None = None) -> str:
    before = request.args.get("before") or None
    with web().read() as session:
        past, next_id = alerts.past(session, before=before, limit=PAGE)
    listing = {"past": past, "next_id": next_id, "before": before, "sentence": _sentence, "title": alert_words.title}
    settings = web().settings.alerts
    kinds_of_urls = list(map(kind_of, settings.urls.get_secret_value().split()))
    return render_template(
        "alerts.html",
        alerts=web().services.alerts.open(),
        settings=settings,
        kinds_of_urls=kinds_of_urls,
        told=told,
        place_of=place_of,
        **listing,
    )


def _sentence(alert: Alert) -> str:
    return alert_words.sentence(alert.kind, alert.facts, web().zone)
