"""Static files: ours, Bootstrap's, and Chart.js out of the package `chartkick`; small on the way, kept for ever.

Every address changes with its file, so browsers may keep each. What is text is compressed, and that once.
"""

import gzip
import hashlib
from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, request, send_file, url_for
from flask_bootstrap import Bootstrap5

from appliance.web.context import web
from appliance.web.paths import STATIC

blueprint = Blueprint("assets", __name__, url_prefix="/assets")

ADDRESSED = (".css", ".js", ".svg", ".png")
COMPRESSIBLE = ("text/css", "text/javascript", "application/javascript", "image/svg+xml", "application/json")
WORTH_IT = 1024  # bytes
CHART_JS = "chartkick/django/static/chartkick/Chart.bundle.js"


def register(app: Flask) -> None:
    Bootstrap5(app)
    app.register_blueprint(blueprint)
    app.after_request(_compress)
    versions = {path.relative_to(STATIC).as_posix(): _digest(path) for path in _files()}

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=versions.get(name))

    def bootstrap_asset(name: str) -> str:
        return url_for("bootstrap.static", filename=name, v=Bootstrap5.bootstrap_version)

    app.add_template_global(asset)
    app.add_template_global(bootstrap_asset)
    app.add_template_global(lambda: url_for("assets.chart_static", v=_chart_version()), "chart_asset")


@blueprint.get("/chart.js", endpoint="chart_static")
def chart() -> Any:
    return send_file(_chart_file(), mimetype="text/javascript")


@lru_cache(maxsize=1)
def _chart_file() -> Path:
    return Path(str(distribution("chartkick").locate_file(CHART_JS)))


@lru_cache(maxsize=1)
def _chart_version() -> str:
    return distribution("chartkick").version


def _files() -> list[Path]:
    return [path for path in sorted(STATIC.rglob("*")) if path.suffix in ADDRESSED]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _compress(response: Response) -> Response:
    """Files only: in a page that repeats what a visitor sent, the size of the answer would tell of its secrets."""
    if not (request.endpoint or "").endswith("static") or not _may_be_compressed(response):
        return response
    response.direct_passthrough = False
    content = response.get_data()
    response.vary.add("Accept-Encoding")
    if len(content) >= WORTH_IT and request.accept_encodings.best_match(["gzip"]):
        response.set_data(_compressed(content))
        response.headers["Content-Encoding"] = "gzip"
        response.headers.pop("ETag", None)  # it belongs to the other representation
    return response


def _may_be_compressed(response: Response) -> bool:
    return response.status_code == 200 and response.mimetype in COMPRESSIBLE and request.method == "GET"


@lru_cache(maxsize=64)
def _compressed(content: bytes) -> bytes:
    packed: bytes = web().run_native(lambda: gzip.compress(content, mtime=0))
    return packed
