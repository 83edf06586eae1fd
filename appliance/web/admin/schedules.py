"""/schedules: the periodic tasks, when they run, how the last run went, and a run right now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, render_template, url_for

from appliance.errors import Unavailable
from appliance.services.periodic import Outcome, permission_for
from appliance.services.permission import Permission
from appliance.web.admin.notices import notice
from appliance.web.admin.rhythm import Rhythm, rhythm
from appliance.web.context import web

blueprint = Blueprint("schedules", __name__, url_prefix="/schedules")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A periodic task as it stands. `started_at`: of its latest run; `permission`: to ask for another."""

    key: str
    cron: str
    rhythm: Rhythm
    next_at: datetime | None
    started_at: datetime | None
    outcome: Outcome | None
    permission: Permission


@blueprint.get("")
def index() -> str:
    return render_template("schedules.html", schedules=_schedules(), now=web().clock(), running=_is_running())


@blueprint.post("/<key>/run")
def run(key: str) -> Any:
    web().services.periodic.ask(key)
    try:
        web().enqueue_periodic(key)
        notice("schedule_asked", task=key)
    except Unavailable as error:
        notice("wrong_state", reason=str(error))
    return redirect(url_for(".index"))


def _schedules() -> list[Schedule]:
    """The soonest first; those that are not planned come last."""
    crons: Mapping[str, str] = web().settings.schedule.model_dump()
    periodic, next_runs = web().services.periodic, web().telemetry.next_runs()
    outcomes = periodic.outcomes()
    found = [
        Schedule(
            key,
            cron,
            rhythm(cron),
            next_at=next_runs.get(key),
            started_at=_started_at(outcomes.get(key)),
            outcome=outcomes.get(key),
            permission=permission_for(key),
        )
        for key, cron in crons.items()
    ]
    return sorted(found, key=lambda one: (one.next_at is None, one.next_at.timestamp() if one.next_at else 0.0))


def _started_at(outcome: Outcome | None) -> datetime | None:
    return datetime.fromisoformat(outcome.started_at) if outcome else None


def _is_running() -> bool:
    return any(health.name == "scheduler" and health.ok for health in web().telemetry.health())
