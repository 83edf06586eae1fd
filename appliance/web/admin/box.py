"""The switch of the whole box, and the banner that stands on every page while it is off."""

from typing import Any

from flask import Blueprint, redirect, request, url_for

from appliance.db.queries.box import Pause
from appliance.errors import InvalidInput, StorageUnavailable, WrongState
from appliance.services.box import Waits
from appliance.web.admin.notices import notice
from appliance.web.api.backups import TASK
from appliance.web.context import web

blueprint = Blueprint("box", __name__, url_prefix="/box")


def pause_in_force() -> Pause | None:
    """For the banner; None also where the database does not say, so that the page of that error can be shown."""
    try:
        return web().services.box.pause_in_force()
    except StorageUnavailable:
        return None


@blueprint.post("/pause")
def pause() -> Any:
    try:
        web().services.box.pause(request.form.get("reason", ""))
    except (InvalidInput, WrongState) as error:
        notice("wrong_state", reason=str(error))
    return _back()


@blueprint.post("/resume")
def resume() -> Any:
    """`waiting` says what becomes of what waits; a value that there is not is taken for the safest one."""
    wanted = request.form.get("waiting", "")
    waits = Waits(wanted) if wanted in set(Waits) else Waits.HOLD
    made = web().services.box.resume(waits)
    notice("box_resumed" if made is None else "box_resumes", waits=waits)
    return _back()


@blueprint.post("/backup")
def backup() -> Any:
    web().services.backups.ask()
    web().enqueue_periodic(TASK)
    notice("backup_asked")
    return _back()


def _back() -> Any:
    return redirect(url_for("admin.status.show"))
