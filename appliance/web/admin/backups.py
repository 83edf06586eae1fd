"""/backups: those that are kept, one at once with its progress, and copies to take away."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, redirect, render_template, send_file, url_for

from appliance.web.admin.notices import notice
from appliance.web.api.backups import TASK
from appliance.web.context import web

blueprint = Blueprint("backups", __name__, url_prefix="/backups")

OLD = timedelta(hours=48)
TYPE = "application/octet-stream"


@blueprint.get("")
def index() -> str:
    service, settings = web().services.backups, web().settings
    kept, last = service.items(), service.last_run()
    newest = kept[0].created_at if kept else None
    now = web().clock()
    return render_template(
        "backups_page.html",
        kept=kept,
        last=last,
        progress=service.progress,
        newest=newest,
        too_old=newest is not None and now - newest > OLD,
        missing=newest is None and now - web().started_at > OLD,
        same_disk=_same_disk(settings.backup_dir, settings.data_dir),
        directory=settings.backup_dir,
        keep=settings.backup.keep,
        next_run_at=web().telemetry.next_runs().get(TASK),
        total=sum(one.size for one in kept),
    )


@blueprint.post("/run")
def run() -> Any:
    web().services.backups.ask()
    web().enqueue_periodic(TASK)
    notice("backup_asked")
    return redirect(url_for(".index"))


@blueprint.post("/<name>/download")
def download(name: str) -> Response:
    """A form, not a link: whoever has it has every secret of the box, so nothing fetches it by itself."""
    path = web().services.backups.download(name)
    return send_file(path, mimetype=TYPE, as_attachment=True, download_name=name)


def _same_disk(one: Path, other: Path) -> bool:
    """False also where one is not there yet."""
    try:
        return os.stat(one).st_dev == os.stat(other).st_dev
    except OSError:
        return False
