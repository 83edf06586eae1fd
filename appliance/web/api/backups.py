"""/api/v1/backups: those that are kept, what became of the last run, and one at once."""

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from appliance.services.backup_directory import KeptBackup
from appliance.services.backups import BackupRun
from appliance.web.api.authentication import needs
from appliance.web.api.box_documents import BackupPage
from appliance.web.api.representations import moment
from appliance.web.context import web

TAG = Tag(name="backups", description="Backups. They are restored on the command line, while nothing runs.")
TASK = "backup"

blueprint = APIBlueprint("backups", __name__, url_prefix="/backups", abp_tags=[TAG])


@blueprint.get("", operation_id="list_backups", summary="Backups that are kept", responses={200: BackupPage})
@needs("manage")
def index() -> Response:
    return _shown()


@blueprint.post("", operation_id="make_backup", summary="Make a backup now", responses={202: BackupPage})
@needs("manage")
def make() -> tuple[Response, int]:
    """What the schedule does, at once. `last_run` says what became of it; one runs at a time."""
    web().services.backups.ask()
    web().enqueue_periodic(TASK)
    return _shown(), 202


def _shown() -> Response:
    backups, settings = web().services.backups, web().settings
    last = backups.last_run()
    return jsonify(
        {
            "items": [_item(one) for one in backups.items()],
            "next_cursor": None,
            "directory": str(settings.backup_dir),
            "keep": settings.backup.keep,
            "last_run": _run(last) if last else None,
            "next_run_at": moment(web().telemetry.next_runs().get(TASK)),
        }
    )


def _item(one: KeptBackup) -> dict[str, object]:
    return {
        "name": one.name,
        "size": one.size,
        "created_at": moment(one.created_at),
        "verified": one.verified_at is not None,
        "verified_at": moment(one.verified_at),
        "missing_attachments": one.missing_attachments,
        "missing_for_waiting": one.missing_for_waiting,
    }


def _run(run: BackupRun) -> dict[str, object]:
    return {
        "at": moment(run.at),
        "ok": not run.error,
        "name": run.name or None,
        "size": run.size,
        "seconds": run.seconds,
        "error": run.error or None,
        "missing_attachments": run.missing_attachments,
        "missing_for_waiting": run.missing_for_waiting,
    }
