"""Where one can go: every group of pages, in the order of the menu, under the permission that it takes to see it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import Flask, current_app, request, url_for
from flask_babel import lazy_gettext as _

from appliance.services import permission
from appliance.services.permission import Permission
from appliance.web import flower_proxy


@dataclass(frozen=True, slots=True)
class Entry:
    """`group` is the name of the blueprint below `admin`; `view` the page of it that the menu leads to."""

    group: str
    title: object
    view: str = "index"
    permission: Permission = Permission.VIEW

    @property
    def endpoint(self) -> str:
        return f"admin.{self.group}.{self.view}"

    @property
    def address(self) -> str:
        return url_for(self.endpoint)

    @property
    def is_here(self) -> bool:
        return request.blueprint == f"admin.{self.group}"


@dataclass(frozen=True, slots=True)
class Section:
    title: object
    entries: Sequence[Entry]


MENU = (
    Section(
        _("Mail"),
        (
            Entry("status", _("Overview"), "show"),
            Entry("messages", _("Messages")),
            Entry("compose", _("Compose"), permission=Permission.OPERATE),
            Entry("mailbox", _("Mailbox")),
            Entry("statistics", _("Statistics")),
        ),
    ),
    Section(
        _("Outgoing mail"),
        (
            Entry("accounts", _("Sender accounts")),
            Entry("templates", _("Templates")),
            Entry("attachments", _("Attachments")),
            Entry("suppressions", _("Suppressions")),
        ),
    ),
    Section(
        _("Programs"),
        (
            Entry("keys", _("API keys")),
            Entry("webhooks", _("Webhooks")),
            Entry("api_docs", _("API documentation"), "show"),
        ),
    ),
    Section(
        _("System"),
        (
            Entry("schedules", _("Schedules")),
            Entry("jobs", _("Jobs")),
            Entry("alerts", _("Alerts")),
            Entry("logs", _("Log")),
            Entry("audit", _("Audit")),
            Entry("users", _("Users"), permission=Permission.ADMINISTER),
            Entry("settings", _("Settings")),
            Entry("retention", _("Retention")),
            Entry("backups", _("Backups")),
            Entry("about", _("About")),
        ),
    ),
)


def register(app: Flask) -> None:
    app.add_template_global(menu)
    app.add_template_global(permitted)
    app.add_template_global(flower_proxy.is_enabled, "flower_is_enabled")
    app.add_template_global(lambda: "admin.profile.show" in app.view_functions, "has_profile")


def menu() -> Iterator[Section]:
    """What the person who is signed in may see of it."""
    for section in MENU:
        entries = [entry for entry in section.entries if _is_there(entry) and permission.may(entry.permission)]
        if entries:
            yield Section(section.title, entries)


def permitted(what: str) -> bool:
    """For templates: `{% if permitted("operate") %}` around what would be refused otherwise."""
    return permission.may(Permission(what))


def _is_there(entry: Entry) -> bool:
    return entry.endpoint in current_app.view_functions
