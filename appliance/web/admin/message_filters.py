"""The filters of the list of messages, as they stand in the address bar."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from appliance.db.models.message import MessageStatus, Reason
from appliance.db.queries import access, accounts, templates
from appliance.db.queries.messages import Filters
from appliance.errors import FieldError, InvalidInput
from appliance.language import gettext
from appliance.web.context import web

LONGEST = 320
MOST_STATES = 20
TEXTS = ("q", "subject", "recipient", "account", "template", "tag", "key", "reason", "since", "until")
COMMON = ("q", "recipient", "status")
"""What is asked for most; the other filters are folded away until one of them is set."""
NAMED: Mapping[str, Callable[[Any, str], bool]] = {
    "account": accounts.was_ever,
    "template": templates.was_ever,
    "key": lambda session, key_id: access.api_key(session, key_id) is not None,
}
"""Filters that name something, and whether there is or was such a thing."""


@dataclass(frozen=True, slots=True)
class MessageFilters:
    """Texts as a person typed them; `wrong` names those that mean nothing.

    While there is one nothing can be asked: left out, it would show, export or delete what nobody meant.
    """

    status: tuple[str, ...]
    q: str
    subject: str
    recipient: str
    account: str
    template: str
    tag: str
    key: str
    reason: str
    since: str
    until: str
    wrong: tuple[str, ...]
    zone: ZoneInfo

    @classmethod
    def of(cls, args: MultiDict[str, str], zone: ZoneInfo) -> "MessageFilters":
        texts = {name: args.get(name, "").strip()[:LONGEST] for name in TEXTS}
        asked = [one.strip()[:LONGEST] for value in args.getlist("status") for one in value.split(",")]
        status = tuple(dict.fromkeys(one for one in asked if one))[:MOST_STATES]
        filters = cls(status, **texts, wrong=(), zone=zone)
        return replace(filters, wrong=(*filters._unreadable(), *filters._unknown()))

    def query(self) -> Filters:
        """Raises InvalidInput while one of them is wrong."""
        if self.wrong:
            raise InvalidInput(FieldError(name, _hint(name)) for name in self.wrong)
        return Filters(
            status=self.status,
            recipient=self.recipient,
            tag=self.tag,
            template=self.template,
            account=self.account,
            key=self.key,
            reason=self.reason,
            subject=self.subject,
            since=_moment(self.since, self.zone),
            until=_moment(self.until, self.zone),
            q=self.q,
        )

    def as_of(self, moment: datetime) -> Filters:
        """What they match, but for messages that came in since. Raises InvalidInput."""
        query = self.query()
        return query if query.until is not None and query.until <= moment else replace(query, until=moment)

    def in_a_field(self, name: str) -> str:
        """`since` or `until` as the date field of a browser takes it, in the zone of the appliance."""
        moment = _moment(getattr(self, name), self.zone)
        if moment is None:
            return ""
        return moment.astimezone(self.zone).replace(tzinfo=None, microsecond=0).isoformat().removesuffix(":00")

    def hint(self, name: str) -> str:
        """What to write instead; empty where that filter is right."""
        return _hint(name) if name in self.wrong else ""

    def arguments(self) -> dict[str, Any]:
        """For addresses: only what is set."""
        values = {name: getattr(self, name) for name in TEXTS}
        values["status"] = ",".join(self.status)
        return {name: value for name, value in values.items() if value}

    def pairs(self) -> Iterator[tuple[str, str]]:
        """For hidden fields of a form."""
        yield from self.arguments().items()

    @property
    def are_unusual(self) -> bool:
        return any(name not in COMMON for name in self.arguments())

    def _unreadable(self) -> Iterator[str]:
        if not set(self.status) <= set(MessageStatus):
            yield "status"
        if self.reason and self.reason not in set(Reason):
            yield "reason"
        yield from (name for name in ("since", "until") if getattr(self, name) and not self.in_a_field(name))

    def _unknown(self) -> Iterator[str]:
        given = {name: text for name in NAMED if (text := getattr(self, name))}
        if given:
            with web().read() as session:
                yield from (name for name, text in given.items() if not NAMED[name](session, text))


def _hint(name: str) -> str:
    states, reasons = ", ".join(MessageStatus), ", ".join(Reason)
    hints = {
        "status": gettext("There is no such state. In the address, write one or several of: %(known)s.", known=states),
        "reason": gettext("There is no such reason. In the address, write one of: %(known)s.", known=reasons),
        "account": gettext("There is no sender account with this id. Choose one from the list."),
        "template": gettext("There is no such template. Write its short name, such as invoice."),
        "key": gettext("There is no API key with this id. Choose one from the list."),
    }
    return hints.get(name) or gettext("This is no time. Write a date, or a date and time, such as 2026-11-24T08:00.")


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    """`2026-11-24T08:00`, in the zone of the appliance unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        for one in (zone, ZoneInfo("UTC")):  # year 1 and 9999 have no neighbour
            moment.astimezone(one)
    except (ValueError, OverflowError):
        return None
    return moment
