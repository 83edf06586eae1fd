"""How figures read on a page: times in the zone of the appliance, sizes and spans in units that people use."""

from datetime import datetime
from typing import Any

from flask import Flask
from markupsafe import Markup

from appliance.language import gettext
from appliance.services import kept_words
from appliance.web.admin.own_names import origin, own_name
from appliance.web.context import web

KIBI = 1024
UNITS = ("KiB", "MiB", "GiB", "TiB")


def register(app: Flask) -> None:
    app.add_template_filter(moment)
    app.add_template_filter(span)
    app.add_template_filter(age)
    app.add_template_filter(size)
    app.add_template_filter(number)
    app.add_template_filter(clock_time)
    app.add_template_filter(brief)
    app.add_template_filter(own_name)
    app.add_template_filter(origin)
    app.add_template_filter(kept_words.say, "retold")
    app.add_template_filter(kept_words.say_line, "retold_line")


def moment(value: datetime | None) -> str:
    """A moment to the second, with the exact one for programs."""
    if value is None:
        return ""
    local = value.astimezone(web().zone)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        local.isoformat(timespec="seconds"), f"{local:%Y-%m-%d %H:%M:%S} {web().zone.key}", f"{local:%Y-%m-%d %H:%M:%S}"
    )


def age(value: datetime) -> str:
    return span((web().clock() - value).total_seconds())


def span(seconds: float) -> str:
    """The two largest units: `3 d 4 h`, `12 min`, `8 s`."""
    left = max(0, int(seconds))
    parts = []
    for length, said in ((86400, _days), (3600, _hours), (60, _minutes), (1, _seconds)):
        count, left = divmod(left, length)
        if count:
            parts.append((length, said(count)))
    if not parts:
        return _seconds(0)
    shown = [text for length, text in parts[:2] if length >= 60 or parts[0][0] <= 60]
    return " ".join(shown)


def clock_time(value: datetime) -> str:
    """The time of day, where the day is plain."""
    return f"{value.astimezone(web().zone):%H:%M}"


def brief(seconds: float) -> str:
    """A span that may be far below a second: `42 ms`, `1.3 s`, then as `span`."""
    if seconds < 1:
        return gettext("%(count)s ms", count=f"{seconds * 1000:.0f}")
    return _seconds(f"{seconds:.1f}") if seconds < 60 else span(seconds)


def _days(count: int) -> str:
    return gettext("%(count)s d", count=count)


def _hours(count: int) -> str:
    return gettext("%(count)s h", count=count)


def _minutes(count: int) -> str:
    return gettext("%(count)s min", count=count)


def _seconds(count: int | str) -> str:
    return gettext("%(count)s s", count=count)


def size(count: int) -> str:
    """In the unit that leaves one to four digits before the point: `512 B`, `1.5 MiB`, `77.3 GiB`."""
    if count < KIBI:
        return f"{count} B"
    value = float(count)
    for unit in UNITS:
        value /= KIBI
        if value < KIBI:
            return f"{value:.1f} {unit}"
    return f"{value:,.1f} {UNITS[-1]}"


def number(value: Any) -> str:
    """Thousands apart, by a narrow space that does not break."""
    return f"{value:,}".replace(",", "\u202f")
