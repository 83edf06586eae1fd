"""The form of time zone and public address, and what it can change: nothing that config.ini or the environment says."""

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from flask import request
from flask_babel import lazy_gettext as _
from wtforms import StringField

from appliance.config.browser_settings import SOURCE
from appliance.services.place import PUBLIC_URL, TIMEZONE
from appliance.web.admin.form import Form, stripped
from appliance.web.context import web

REGIONS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
KEYS = (TIMEZONE, PUBLIC_URL)
LOCAL = ("localhost", "127.0.0.1", "::1", "[::1]")


class PlaceForm(Form):
    timezone = StringField(_("Time zone"), filters=[stripped])
    public_url = StringField(_("Public address"), filters=[stripped])


def filled() -> PlaceForm:
    chosen = web().services.place.chosen()
    return PlaceForm(formdata=None, timezone=chosen.timezone, public_url=chosen.public_url or _address_of_now())


def given() -> PlaceForm:
    """As it was sent; what is fixed elsewhere stays as it is."""
    form, chosen = PlaceForm(), web().services.place.chosen()
    there = fixed()
    if "timezone" in there:
        form.timezone.data = chosen.timezone
    if "public_url" in there:
        form.public_url.data = chosen.public_url
    return form


def fixed() -> Mapping[str, str]:
    """By field, where its value comes from, if from where a browser cannot change it."""
    sources = {key: web().sources.get(f"{section}.{key}", SOURCE) for section, key in KEYS}
    return {key: source for key, source in sources.items() if source != SOURCE}


@dataclass(frozen=True, slots=True)
class WaitingZone:
    in_force: str
    chosen: str


def waiting_zone() -> WaitingZone | None:
    """The time zone that was chosen, while another one is in force."""
    place = web().services.place
    now, then = place.in_force().timezone, place.chosen().timezone
    return None if now == then or "timezone" in fixed() else WaitingZone(now, then)


def zones(current: str | None) -> Mapping[str, list[str]]:
    """By region, in the order of the alphabet; UTC first, and `current` in any case."""
    known = web().run_native(_known_zones)
    listed = {"": ["UTC"], **known}
    if current and not any(current in names for names in listed.values()):
        listed[""] = [current, "UTC"]
    return listed


@lru_cache(maxsize=1)
def _known_zones() -> Mapping[str, list[str]]:
    """Looks at some hundred files."""
    names = sorted(zoneinfo.available_timezones())
    return {region: [name for name in names if name.startswith(f"{region}/")] for region in REGIONS}


def _address_of_now() -> str:
    """What the browser's address bar says, unless only this machine knows it by that."""
    host = request.host.rpartition(":")[0] or request.host
    return "" if host in LOCAL else request.host_url.rstrip("/")
