"""/api/v1/jobs: work on many messages that goes on after the answer."""

from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from appliance.db.models import Job
from appliance.db.queries import jobs
from appliance.errors import NotFound
from appliance.services.bulk import NOT_FOUND
from appliance.web.api import error_codes, job_documents, operations, paging
from appliance.web.api.authentication import caller, needs
from appliance.web.api.job_schemas import JobPath, JobQuery
from appliance.web.api.representations import moment
from appliance.web.context import web

FOLLOWING = "With the scope 'send' alone a key can make a job and cancel it, but not look at it."
TAG = Tag(name="jobs", description="Work on many messages: follow it, stop it.")

blueprint = APIBlueprint("jobs", __name__, url_prefix="/jobs", abp_tags=[TAG])


@blueprint.get("", operation_id="list_jobs", summary="List jobs", responses={200: job_documents.JobPage})
@needs("read", FOLLOWING)
def index(query: JobQuery) -> Response:
    """Newest first, those of the last 30 days. A key without `manage` sees its own."""
    with web().read() as session:
        found, next_id = jobs.page(
            session,
            created_by=caller().sees_only,
            state=query.state or "",
            before=paging.decode(query.cursor),
            limit=query.limit,
        )
    return jsonify(paging.page([_represented(one) for one in found], next_id))


@blueprint.get(
    "/<string:id>", operation_id="show_job", summary="How far a job is", responses={200: job_documents.JobDocument}
)
@needs("read", FOLLOWING)
def show(path: JobPath) -> Response:
    return jsonify(one(path.id))


@blueprint.post(
    "/<string:id>/cancel",
    operation_id="cancel_job",
    summary="Stop a job",
    responses={200: job_documents.JobDocument},
)
@needs("send")
@operations.refuses(error_codes.WRONG_STATE)
def cancel(path: JobPath) -> Response:
    """What it has changed stays changed."""
    web().services.jobs.cancel(path.id, created_by=caller().sees_only)
    return jsonify(one(path.id))


def one(job_id: str) -> dict[str, Any]:
    """As the caller may see it. Raises NotFound."""
    with web().read() as session:
        job = jobs.one(session, job_id, created_by=caller().sees_only)
    if job is None:
        raise NotFound("job", job_id)
    return _represented(job)


def _represented(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "parameters": {name: value for name, value in job.parameters.items() if name != NOT_FOUND},
        "ids_not_found": job.parameters.get(NOT_FOUND),
        "total": job.total,
        "done": job.done,
        "changed": job.changed,
        "skipped": job.skipped,
        "percent": job.percent,
        "error": job.error or None,
        "created_by": job.created_by,
        "created_at": moment(job.created_at),
        "started_at": moment(job.started_at),
        "finished_at": moment(job.finished_at),
    }
