"""/api/v1/box: whether this box sends, what waits while it does not, and the switch."""

from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from appliance.services.box import Waits
from appliance.services.waiting import Waiting
from appliance.web.api import bodies, error_codes, operations
from appliance.web.api.authentication import needs
from appliance.web.api.box_documents import BoxDocument, PauseRequest, ResumeRequest
from appliance.web.api.representations import moment
from appliance.web.context import web

TAG = Tag(name="box", description="The box as a whole: paused, it accepts messages and sends none.")

blueprint = APIBlueprint("box", __name__, url_prefix="/box", abp_tags=[TAG])


def _body_of(model: type[PauseRequest | ResumeRequest]) -> dict[str, Any]:
    """One that may be left out."""
    return {"requestBody": {"content": {"application/json": {"schema": model.model_json_schema()}}}}


@blueprint.get("", operation_id="show_box", summary="Whether this box sends", responses={200: BoxDocument})
@needs("manage")
def show() -> Response:
    return _shown()


@blueprint.post(
    "/pause",
    operation_id="pause_box",
    summary="Send nothing more",
    openapi_extensions=_body_of(PauseRequest),
    responses={200: BoxDocument},
)
@needs("manage")
@operations.refuses(error_codes.WRONG_STATE)
@bodies.read_by_itself
def pause() -> Response:
    """What is being sent is finished. Messages are accepted and wait. The body may be left out."""
    wanted = PauseRequest.model_validate(bodies.optional())
    web().services.box.pause(wanted.reason)
    return _shown()


@blueprint.post(
    "/resume",
    operation_id="resume_box",
    summary="Start sending",
    openapi_extensions=_body_of(ResumeRequest),
    responses={200: BoxDocument},
)
@needs("manage")
@bodies.read_by_itself
def resume() -> Response:
    """Harmless when it sends already. The body may be left out: then what waits is sent."""
    wanted = ResumeRequest.model_validate(bodies.optional())
    made = web().services.box.resume(Waits(wanted.waiting))
    return _shown(job=made.id if made else None)


def _shown(job: str | None = None) -> Response:
    box = web().services.box
    pause = box.pause_in_force()
    return jsonify(
        {
            "paused": pause is not None,
            "reason": pause.reason if pause else None,
            "detail": (pause.detail or None) if pause else None,
            "paused_by": (pause.by or None) if pause else None,
            "paused_at": moment(pause.since) if pause else None,
            "backup_made_at": moment(pause.backup_at) if pause else None,
            "waiting": _waiting(box.waiting()) if pause else None,
            "job": job,
        }
    )


def _waiting(waiting: Waiting) -> dict[str, Any]:
    return {
        "counted_at": moment(waiting.counted_at),
        "total": waiting.total,
        "by_status": dict(waiting.by_status),
        "by_account": [{"account": account, "count": count} for account, count in waiting.by_account.items()],
        "oldest": moment(waiting.oldest),
    }
