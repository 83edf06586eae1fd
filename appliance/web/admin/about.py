"""/about: which version runs, on what, and under which licences."""

import platform
import sqlite3
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, distributions

from flask import Blueprint, render_template

from appliance import __version__
from appliance.web.context import web

blueprint = Blueprint("about", __name__, url_prefix="/about")

OURS = "postroom"
LONGEST_LICENCE = 60
SAYS_NOTHING = "License :: OSI Approved"  # without which one


@dataclass(frozen=True, slots=True)
class Package:
    name: str
    version: str
    licence: str


@blueprint.get("")
def index() -> str:
    return render_template(
        "about.html",
        version=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} ({platform.machine()})",
        sqlite=sqlite3.sqlite_version,
        started_at=web().started_at,
        packages=web().run_native(packages),
    )


@cache
def packages() -> tuple[Package, ...]:
    """What is installed beside the appliance, in alphabetical order. Read once: it takes a while."""
    found = {one.metadata["Name"].lower(): one for one in distributions() if one.metadata["Name"]}
    found.pop(OURS, None)
    made = (Package(one.metadata["Name"], one.version, _licence(one)) for one in found.values())
    return tuple(sorted(made, key=lambda one: one.name.lower()))


def _licence(one: Distribution) -> str:
    """As packages tell it: an SPDX expression, a classifier, or a line of text, whichever there is first."""
    named = [
        text.rpartition(" :: ")[2]
        for text in _said(one, "Classifier")
        if text.startswith("License :: ") and text != SAYS_NOTHING
    ]
    said = [*_said(one, "License-Expression"), ", ".join(named), *_said(one, "License")]
    return next((text for text in said if text), "").strip().partition("\n")[0][:LONGEST_LICENCE]


def _said(one: Distribution, field: str) -> list[str]:
    return one.metadata.get_all(field) or []
