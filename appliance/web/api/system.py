"""/api/v1/system: what the appliance says of itself."""

from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from appliance import __version__
from appliance.db.queries import messages
from appliance.health import Health
from appliance.web.api import documents, representations
from appliance.web.api.authentication import needs
from appliance.web.api.schemas import InspectPath
from appliance.web.context import web

TAG = Tag(name="system", description="Components, queue depth, the worker.")

blueprint = APIBlueprint("system", __name__, url_prefix="/system", abp_tags=[TAG])


@blueprint.get("", operation_id="show_system", summary="Components and queue depth", responses={200: documents.System})
@needs("manage")
def show() -> Response:
    telemetry = web().telemetry
    with web().read() as session:
        counts = messages.counts_by_status(session)
        oldest = messages.oldest_unfinished_at(session)
    return jsonify(
        {
            "version": __version__,
            "started_at": representations.moment(web().started_at),
            "timezone": web().zone.key,
            "components": [component(health) for health in telemetry.health()],
            "messages": counts,
            "oldest": {status: representations.moment(at) for status, at in oldest.items()},
            "broker_queues": dict(telemetry.broker_queues()),
            "schedule": {key: representations.moment(at) for key, at in telemetry.next_runs().items()},
            "gauges": dict(telemetry.gauges()),
        }
    )


@blueprint.get(
    "/inspect/<string:what>",
    operation_id="inspect_worker",
    summary="Ask the worker: active, reserved, stats, registered or ping",
    responses={200: documents.Inspection},
)
@needs("manage")
def inspect(path: InspectPath) -> Response:
    return jsonify(web().telemetry.inspect(path.what))


def component(health: Health) -> dict[str, Any]:
    return {
        "name": health.name,
        "status": health.status,
        "detail": health.detail,
        "since": representations.moment(health.since),
        "restarts": health.restarts,
    }
