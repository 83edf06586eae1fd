"""/logs: the latest lines of the log, as they come."""

from flask import Blueprint, jsonify, render_template, request
from flask.wrappers import Response

from appliance.config.log_ring import LogQuery
from appliance.web.context import web

blueprint = Blueprint("logs", __name__, url_prefix="/logs")

LEVELS = ("debug", "info", "warning", "error", "critical")
LINES = 200
LONGEST = 200


@blueprint.get("")
def index() -> str:
    """The newest on top."""
    asked = _asked()
    lines = list(reversed(web().telemetry.logs(_query(asked))))
    kept = {name: text for name, text in asked.items() if text}
    facts = {"last": lines[0].sequence if lines else 0, "file": web().settings.log.file}
    components = web().telemetry.log_components()
    return render_template(
        "logs.html", lines=lines, asked=asked, kept=kept, levels=LEVELS, components=components, **facts
    )


@blueprint.get("/tail")
def tail() -> Response:
    """What has come since the line `?after=`, as rows of the table; the newest on top."""
    after = max(0, request.args.get("after", 0, type=int))
    lines = list(reversed(web().telemetry.logs(_query(_asked(), after))))
    last = lines[0].sequence if lines else after
    return jsonify({"last": last, "rows": render_template("log_lines.html", lines=lines)})


def _asked() -> dict[str, str]:
    asked = {name: request.args.get(name, "").strip()[:LONGEST] for name in ("level", "component", "request_id", "q")}
    return asked | {"level": asked["level"] if asked["level"] in LEVELS else ""}


def _query(asked: dict[str, str], after: int = 0) -> LogQuery:
    return LogQuery(
        level=asked["level"] or None,
        component=asked["component"] or None,
        request_id=asked["request_id"] or None,
        text=asked["q"] or None,
        after=after,
        limit=LINES,
    )
