"""/api/v1/retention: what goes at which age, what a run would remove now, and a run at once."""

from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from appliance.services.retention_report import Preview, Report
from appliance.web.api import representations, retention_documents
from appliance.web.api.authentication import needs
from appliance.web.context import web

TAG = Tag(name="retention", description="What is kept for how long. The ages stand in the configuration.")
TASK = "apply_retention"

blueprint = APIBlueprint("retention", __name__, url_prefix="/retention", abp_tags=[TAG])


@blueprint.get(
    "",
    operation_id="show_retention",
    summary="Ages, what would go now, and the last run",
    responses={200: retention_documents.RetentionDocument},
)
@needs("manage")
def show() -> Response:
    return jsonify(_represented())


@blueprint.post(
    "/run",
    operation_id="run_retention",
    summary="Remove now what has reached its age",
    responses={202: retention_documents.RetentionDocument},
)
@needs("manage")
def run() -> tuple[Response, int]:
    """What the nightly run does, at once. `last_run` of `GET /retention` shows how far it is; one runs at a time."""
    web().services.retention.ask()
    web().enqueue_periodic(TASK)
    return jsonify(_represented()), 202


def _represented() -> dict[str, Any]:
    service = web().services.retention
    usage, report = service.usage(), service.last_report()
    return {
        "settings": web().settings.retention.model_dump(),
        "preview": _preview(service.preview()),
        "database": {"bytes": usage.size, "free_bytes": usage.free, "shrinks": usage.shrinks},
        "last_run": _report(report) if report else None,
        "next_run_at": representations.moment(web().telemetry.next_runs().get(TASK)),
    }


def _preview(preview: Preview) -> dict[str, Any]:
    kinds = [
        {
            "kind": one.kind,
            "older_than": representations.moment(one.older_than),
            "count": one.count,
            "bytes": one.size,
        }
        for one in preview.kinds
    ]
    return {"at": representations.moment(preview.at), "bytes": preview.size, "kinds": kinds}


def _report(report: Report) -> dict[str, Any]:
    return {
        "state": report.state,
        "started_at": representations.moment(report.started_at),
        "finished_at": representations.moment(report.finished_at),
        "removed": report.removed,
        "database_bytes_before": report.size_before,
        "database_bytes_after": report.size_after,
    }
