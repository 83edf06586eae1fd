"""/jobs: work on many messages: what is being done, how far it is, and for whom."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from appliance.db.models import Job
from appliance.db.models.job import ACTIVE, JobState
from appliance.db.queries import jobs
from appliance.errors import NotFound, WrongState
from appliance.web.admin.notices import notice
from appliance.web.admin.trail import Trail
from appliance.web.context import web

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")

PAGE = 50


@blueprint.get("")
def index() -> str:
    state, trail = request.args.get("state", ""), Trail.of_request()
    state = state if state in set(JobState) else ""
    with web().read() as session:
        found, next_id = jobs.page(session, state=state, before=trail.before, limit=PAGE)
    return render_template(
        "jobs.html",
        jobs=found,
        next_id=next_id,
        trail=trail,
        state=state,
        states=[str(one) for one in JobState],
        active=any(job.state in ACTIVE for job in found),
    )


@blueprint.get("/<job_id>")
def show(job_id: str) -> str:
    job = _job(job_id)
    return render_template(
        "job.html", job=job, active=job.state in ACTIVE, now=web().clock(), picked=_arguments_of_its_messages(job)
    )


@blueprint.post("/<job_id>/cancel")
def cancel(job_id: str) -> Any:
    """It may have ended since the page was drawn: then the page says so."""
    try:
        web().services.jobs.cancel(job_id)
        notice("job_cancelled")
    except WrongState as error:
        notice("wrong_state", reason=str(error))
    return redirect(url_for(".show", job_id=job_id))


def _job(job_id: str) -> Job:
    with web().read() as session:
        job = jobs.one(session, job_id)
    if job is None:
        raise NotFound("job", job_id)
    return job


def _arguments_of_its_messages(job: Job) -> dict[str, str] | None:
    """Of the list that shows what it was about; None: the list has no filter for that."""
    wanted = dict(job.parameters.get("filter") or {})
    if job.parameters.get("ids") is not None or not wanted or {"metadata", "api_key_id"} & set(wanted):
        return None
    return {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in wanted.items()}
