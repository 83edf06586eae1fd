"""/settings: what is in force, and where it came from. Secrets are said to be set or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template
from pydantic import SecretStr

from appliance.config.settings import SECTIONS
from appliance.web.context import web

blueprint = Blueprint("settings", __name__, url_prefix="/settings")


@dataclass(frozen=True, slots=True)
class Value:
    """`text` None: it is a secret that is set. `source` empty: the default. `default` is what that would be."""

    key: str
    text: str | None
    source: str
    default: str | None
    description: str


@blueprint.get("")
def index() -> str:
    sections = {name: list(_values(name)) for name in SECTIONS}
    changed = sum(bool(one.source) for values in sections.values() for one in values)
    return render_template("settings.html", sections=sections, changed=changed)


def _values(section: str) -> Iterator[Value]:
    in_force = getattr(web().settings, section)
    for key, field in SECTIONS[section].model_fields.items():
        source = web().sources.get(f"{section}.{key}", "")
        yield Value(key, _shown(getattr(in_force, key)), source, _shown(field.default), field.description or "")


def _shown(value: Any) -> str | None:
    match value:
        case SecretStr():
            return None if value.get_secret_value() else ""
        case bool():
            return "true" if value else "false"
        case tuple():
            return " ".join(map(str, value))
        case float():
            return f"{value:g}"
    return str(value)
