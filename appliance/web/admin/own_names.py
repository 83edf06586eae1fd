"""Names and places that the program itself gave, said in the language of the page. What people wrote stays as it is."""

import re

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from appliance.config.browser_settings import SOURCE as FROM_BROWSER

NAMES = {
    "Built-in mailbox": lazy_gettext("Built-in mailbox"),
    "the command line of this box": lazy_gettext("the command line of this box"),
    "Created.": lazy_gettext("Created."),
    "the setup link": lazy_gettext("the setup link"),
    "somebody who is not signed in": lazy_gettext("somebody who is not signed in"),
}
LINE = re.compile(r"(?P<file>.+), line (?P<line>\d+)")


def own_name(text: str | None) -> str:
    return str(NAMES.get(text, text)) if text else ""


def origin(source: str) -> str:
    """Where a setting comes from, of what `Loaded.sources` says."""
    if source == FROM_BROWSER:
        return str(_("settings.ini in the data directory, made in the browser"))
    kind, _space, name = source.rpartition(" ")
    if kind == "environment variable":
        return str(_("environment variable %(name)s", name=name))
    if kind == "file of":
        return str(_("file of %(name)s", name=name))
    found = LINE.fullmatch(source)
    return str(_("%(file)s, line %(line)s", **found.groupdict())) if found else source
