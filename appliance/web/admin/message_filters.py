"""The filters of the list of messages, as they stand in the address bar."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from appliance.db.models.message import MessageStatus, Reason
from appliance.db.queries.messages import Filters

LONGEST = 320
TEXTS = ("q", "subject", "recipient", "account", "template", "tag", "key")
COMMON = ("q", "recipient", "status")
"""What is asked for most; the other filters are folded away until one of them is set."""


@dataclass(frozen=True, slots=True)
class MessageFilters:
    """Texts as a person typed them; `wrong` names those that mean nothing and are left out."""

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
        asked = [one for value in args.getlist("status") for one in value.split(",")]
        status = tuple(dict.fromkeys(one for one in asked if one in set(MessageStatus)))
        reason = args.get("reason", "")
        given = {name: args.get(name, "")[:LONGEST] for name in ("since", "until")}
        wrong = tuple(name for name, text in given.items() if text and _moment(text, zone) is None)
        known = reason if reason in set(Reason) else ""
        return cls(status, **texts, reason=known, **given, wrong=wrong, zone=zone)

    def query(self) -> Filters:
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
        """What they match, but for messages that came in since."""
        query = self.query()
        return query if query.until is not None and query.until <= moment else replace(query, until=moment)

    def in_a_field(self, name: str) -> str:
        """`since` or `until` as the date field of a browser takes it, in the zone of the appliance."""
        moment = _moment(getattr(self, name), self.zone)
        if moment is None:
            return ""
        return moment.astimezone(self.zone).replace(tzinfo=None, microsecond=0).isoformat().removesuffix(":00")

    def arguments(self) -> dict[str, Any]:
        """For addresses: only what is set."""
        values = {name: getattr(self, name) for name in (*TEXTS, "reason", "since", "until")}
        values["status"] = ",".join(self.status)
        return {name: value for name, value in values.items() if value}

    def pairs(self) -> Iterator[tuple[str, str]]:
        """For hidden fields of a form."""
        yield from self.arguments().items()

    @property
    def are_unusual(self) -> bool:
        return any(name not in COMMON for name in self.arguments())


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    """`2026-11-24T08:00`, in the zone of the appliance unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        moment.astimezone(ZoneInfo("UTC"))  # year 1 and 9999 have no neighbour
    except (ValueError, OverflowError):
        return None
    return moment
