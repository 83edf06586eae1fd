"""/api/v1/messages/bulk"""

from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint

from appliance.db.models.message_sets import SetAction
from appliance.db.queries.message_filters import Filters
from appliance.errors import Forbidden
from appliance.services.bulk import BulkCount, BulkRequest
from appliance.services.idempotency import Once, hash_of
from appliance.web.api import commands, job_documents, jobs, operations
from appliance.web.api.authentication import caller, needs
from appliance.web.api.job_schemas import BulkFilter, BulkMessagesRequest
from appliance.web.api.messages import TAG
from appliance.web.context import web

blueprint = APIBlueprint("bulk", __name__, url_prefix="/messages/bulk", abp_tags=[TAG])


@blueprint.post(
    "",
    operation_id="change_messages",
    summary="Cancel, retry, release or delete all messages that match",
    responses={200: job_documents.BulkCount, 202: job_documents.JobMade},
)
@needs("send")
@operations.repeatable
def change(body: BulkMessagesRequest) -> tuple[Response, int, dict[str, str]]:
    """Count first with `dry_run`: the answer is 200 and nothing is changed. Without it a job does the work, and the
    answer is 202 and where to follow it.

    Messages that are accepted later are not touched, nor is one that is being sent. One in a state in which the action
    makes no sense is skipped, so repeating it is harmless. A key without `manage` reaches only its own messages, one
    without `read` cannot look at the job that it made.
    """
    if body.action is SetAction.DELETE and "manage" not in caller().scopes:
        raise Forbidden("This API key lacks the scope 'manage', which deleting needs. Create one that has it.")
    key = commands.idempotency_key()
    request = BulkRequest(body.action, _filters(body.filter), body.ids)
    if body.dry_run:
        return jsonify(_counted(body.action, web().services.bulk.count(request))), 200, {}
    once = Once(caller().api_key_id, key, hash_of(["bulk", body.model_dump(mode="json")])) if key else None
    made = web().services.bulk.start(request, once)
    replayed = {"Idempotent-Replay": "true"} if made.replayed else {}
    return jsonify({"job": jobs.one(made.id)}), 202, {"Location": f"/api/v1/jobs/{made.id}", **replayed}


def _filters(wanted: BulkFilter) -> Filters:
    return Filters(
        status=tuple(wanted.status),
        recipient=wanted.recipient,
        tag=wanted.tag,
        account=wanted.account,
        template=wanted.template,
        since=wanted.since,
        until=wanted.until,
        q=wanted.q,
        api_key_id=caller().sees_only,
        metadata=tuple(wanted.metadata.items()),
        key=wanted.key,
        reason=wanted.reason or "",
        subject=wanted.subject,
    )


def _counted(action: SetAction, count: BulkCount) -> dict[str, Any]:
    return {
        "action": action,
        "matching": count.matching,
        "by_status": dict(count.by_status),
        "would_change": count.changes,
        "would_skip": count.matching - count.changes,
        "ids_not_found": count.not_found,
    }
