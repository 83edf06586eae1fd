"""The filters of the list of messages, as they stand in the address bar."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from appliance.db.models.message import MessageStatus
from appliance.db.queries.messages import Filters

LONGEST = 320


@dataclass(frozen=True, slots=True)
class MessageFilters:
    """Texts as a person typed them; `wrong` names those that mean nothing and are left out."""

    status: tuple[str, ...]
    recipient: str
    q: str
    account: str
    tag: str
    template: str
    since: str
    until: str
    wrong: tuple[str, ...]
    zone: ZoneInfo

    @classmethod
    def of(cls, args: MultiDict[str, str], zone: ZoneInfo) -> "MessageFilters":
        texts = {
            name: args.get(name, "").strip()[:LONGEST] for name in ("recipient", "q", "account", "tag", "template")
        }
        status = tuple(one for one in args.getlist("status") if one in tuple(MessageStatus))
        since, until = args.get("since", ""), args.get("until", "")
        given = {"since": since, "until": until}
        wrong = tuple(name for name, text in given.items() if text and _moment(text, zone) is None)
        return cls(status, **texts, since=since, until=until, wrong=wrong, zone=zone)

    def query(self) -> Filters:
        return Filters(
            status=self.status,
            recipient=self.recipient,
            tag=self.tag,
            template=self.template,
            account=self.account,
            since=_moment(self.since, self.zone),
            until=_moment(self.until, self.zone),
            q=self.q,
        )

    def arguments(self) -> dict[str, str | tuple[str, ...]]:
        """For addresses: only what is set."""
        names = ("status", "recipient", "q", "account", "tag", "template", "since", "until")
        return {name: value for name in names if (value := getattr(self, name))}


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    """`2026-11-24T08:00`, in the zone of the appliance unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        moment.astimezone(ZoneInfo("UTC"))  # year 1 and 9999 have no neighbour
    except (ValueError, OverflowError):
        return None
    return moment
