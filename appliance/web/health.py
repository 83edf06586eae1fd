"""/health for people, /health/live and /health/ready for whoever starts and routes. Open to all, so no secrets."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, jsonify

from appliance import __version__
from appliance.db.queries import access
from appliance.errors import StorageUnavailable
from appliance.health import DISPENSABLE, Health
from appliance.web.api.system import component
from appliance.web.context import web

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("")
def show() -> tuple[Response, int]:
    """`ok`, `degraded` (mail flows, something else is broken, or no new mail is taken) or `failing`."""
    components = web().telemetry.health()
    database = _database()
    intake = _intake()
    status = _overall(components, database_ok=database["ok"], intake_ok=intake["ok"])
    body = {
        "status": status,
        "version": __version__,
        "components": [component(health) for health in components],
        "database": database,
        "intake": intake,
    }
    return jsonify(body), HTTPStatus.SERVICE_UNAVAILABLE if status == "failing" else HTTPStatus.OK


@blueprint.get("/live")
def live() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/ready")
def ready() -> tuple[Response, int]:
    """Messages can be accepted and go out."""
    failing = [health.name for health in web().telemetry.health() if not health.ok and health.name not in DISPENSABLE]
    if not _database()["ok"]:
        failing.append("database")
    if not _intake()["ok"]:
        failing.append("intake")
    if failing:
        return jsonify({"status": "unavailable", "failing": failing}), HTTPStatus.SERVICE_UNAVAILABLE
    return jsonify({"status": "ok"}), HTTPStatus.OK


def _overall(components: list[Health], *, database_ok: bool, intake_ok: bool) -> str:
    broken = [health.name for health in components if not health.ok]
    if not database_ok or any(name not in DISPENSABLE for name in broken):
        return "failing"
    return "degraded" if broken or not intake_ok else "ok"


def _intake() -> dict[str, Any]:
    """Whether there is room for new mail. That of before goes out in either case."""
    short = web().services.capacity.short()
    return {"ok": short is None, "detail": short.sentence if short else ""}


def _database() -> dict[str, Any]:
    try:
        with web().read() as session:
            access.has_users(session)
    except StorageUnavailable as error:
        return {"ok": False, "detail": str(error)}
    if trouble := web().services.storage.trouble():
        return {"ok": False, "detail": trouble}
    return {"ok": True, "detail": ""}
