"""/settings: what is in force, and where it came from. Secrets are said to be set or not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, render_template
from pydantic import SecretStr

from appliance.config.browser_settings import SOURCE
from appliance.config.settings import SECTIONS
from appliance.language import gettext
from appliance.services.place import PUBLIC_URL, TIMEZONE
from appliance.web.admin import place_form
from appliance.web.context import web

blueprint = Blueprint("settings", __name__, url_prefix="/settings")


@dataclass(frozen=True, slots=True)
class Value:
    """`text` None: it is a secret that is set. `source` empty: nobody has set it. `default` is what that would be.

    `description` is in the language of whoever reads. `waiting`: what the next restart makes it; empty: the same.
    """

    section: str
    key: str
    text: str | None
    source: str
    default: str | None
    description: str
    waiting: str = ""

    @property
    def is_default(self) -> bool:
        """Also where somebody has set what the default is."""
        return self.text == self.default and not self.waiting


@blueprint.get("")
def index() -> str:
    sections = {name: list(_values(name)) for name in SECTIONS}
    own = [one for values in sections.values() for one in values if not one.is_default]
    return render_template("settings.html", sections=sections, own=own)


def _values(section: str) -> Iterator[Value]:
    in_force = getattr(web().settings, section)
    for key, field in SECTIONS[section].model_fields.items():
        source = web().sources.get(f"{section}.{key}", "")
        described = gettext(field.description) if field.description else ""
        value = Value(section, key, _shown(getattr(in_force, key)), source, _shown(field.default), described)
        yield _as_chosen(value)


def _as_chosen(value: Value) -> Value:
    """What was chosen in the browser since the start: an address is in force, a time zone waits."""
    where = (value.section, value.key)
    if where == PUBLIC_URL and (address := web().services.place.public_url()) != (value.text or "").rstrip("/"):
        return replace(value, text=address, source=SOURCE)
    if where == TIMEZONE and (zone := place_form.waiting_zone()):
        return replace(value, waiting=zone.chosen)
    return value


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
