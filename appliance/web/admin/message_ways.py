"""Where the page of a message leads to what its explanation advises, and whether a retry would reach anybody."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flask import url_for

from appliance.db.models import Message
from appliance.db.models.message import WAITING_FOR_ACCOUNTS, MessageStatus, Reason
from appliance.db.models.recipient import RecipientStatus
from appliance.db.queries import suppressions
from appliance.db.queries.messages import Detail
from appliance.db.queries.suppressions import Listed
from appliance.language import gettext
from appliance.web.admin.own_names import own_name
from appliance.web.context import web

MOST_LINKED = 3
_AT_THE_ACCOUNTS = (*WAITING_FOR_ACCOUNTS, Reason.ACCOUNT_ERROR)


@dataclass(frozen=True, slots=True)
class Way:
    words: str
    url: str


@dataclass(frozen=True, slots=True)
class Ways:
    """`listed`: by their addresses, those who have not got it and are suppressed now, with the entry that says so."""

    detail: Detail
    listed: Mapping[str, Listed]

    def __iter__(self) -> Iterator[Way]:
        yield from _to_suppressions({one.address for one in self.listed.values()})
        if _waits_for_accounts(self.detail.message):
            yield _to_accounts(self.detail)

    @property
    def retry_is_vain(self) -> bool:
        """Nothing would be sent: whoever has not got it is suppressed."""
        return bool(self.listed) and all(email in self.listed for email in _left(self.detail))

    @property
    def freed(self) -> bool:
        """It ended as suppressed, and nobody of it is suppressed any more."""
        return self.detail.message.status == MessageStatus.SUPPRESSED and not self.listed


def ways(detail: Detail) -> Ways:
    with web().read() as session:
        listed = suppressions.active_for(session, _left(detail), now=web().clock())
    return Ways(detail, listed)


def _left(detail: Detail) -> list[str]:
    return [one.email for one in detail.recipients if one.status != RecipientStatus.SENT]


def _to_suppressions(entries: Iterable[str]) -> Iterator[Way]:
    found = sorted(entries)
    if len(found) > MOST_LINKED:
        yield Way(gettext("Suppressions"), url_for("admin.suppressions.index"))
        return
    for address in found:
        words = gettext("The suppression of %(address)s", address=address)
        yield Way(words, url_for("admin.suppressions.index", q=address))


def _waits_for_accounts(message: Message) -> bool:
    return message.status in (MessageStatus.HELD, MessageStatus.DEFERRED) and message.reason in _AT_THE_ACCOUNTS


def _to_accounts(detail: Detail) -> Way:
    wanted = next((one for one in detail.accounts if one.id == detail.message.account_id), None)
    if wanted is None:
        return Way(gettext("Sender accounts"), url_for("admin.accounts.index"))
    words = gettext("The sender account %(name)s", name=own_name(wanted.name))
    return Way(words, url_for("admin.accounts.show", account_id=wanted.id))
