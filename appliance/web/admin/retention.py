"""/retention: what is kept for how long, what would go now, and a run at once."""

from typing import Any

from flask import Blueprint, redirect, render_template, url_for

from appliance.services.retention_report import RunState
from appliance.web.admin.notices import notice
from appliance.web.api.retention import TASK
from appliance.web.context import web

blueprint = Blueprint("retention", __name__, url_prefix="/retention")


@blueprint.get("")
def index() -> str:
    service = web().services.retention
    report = service.last_report()
    return render_template(
        "retention.html",
        preview=service.preview(),
        usage=service.usage(),
        report=report,
        running=report is not None and report.state is RunState.RUNNING,
        ages=web().settings.retention,
        next_run_at=web().telemetry.next_runs().get(TASK),
    )


@blueprint.post("/run")
def run() -> Any:
    web().services.retention.ask()
    web().enqueue_periodic(TASK)
    notice("retention_asked")
    return redirect(url_for(".index"))
