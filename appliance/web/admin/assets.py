"""Addresses of static files that change with the file, so that browsers may keep each for ever."""

import hashlib
from pathlib import Path

from flask import Flask, url_for
from flask_bootstrap import Bootstrap5

from appliance.web.paths import STATIC

ADDRESSED = (".css", ".js", ".svg", ".png")


def register(app: Flask) -> None:
    Bootstrap5(app)
    versions = {path.relative_to(STATIC).as_posix(): _digest(path) for path in _files()}

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=versions.get(name))

    def bootstrap_asset(name: str) -> str:
        return url_for("bootstrap.static", filename=name, v=Bootstrap5.bootstrap_version)

    app.add_template_global(asset)
    app.add_template_global(bootstrap_asset)


def _files() -> list[Path]:
    return [path for path in sorted(STATIC.rglob("*")) if path.suffix in ADDRESSED]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
