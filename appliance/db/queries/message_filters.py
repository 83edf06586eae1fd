"""What messages can be filtered by, as conditions on one message: for whoever comes to it by another way."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, exists, or_

from appliance.db.models import DeliveryAttempt, Message, MessageSearch, MessageTag, Recipient
from appliance.db.queries import metadata, templates
from appliance.db.subject_text import searchable

Selected = TypeVar("Selected", bound=Select[Any])

_LAST_CHARACTER = "\U0010ffff"
_WHOLE_ADDRESS = re.compile(r".+@(\[.+\]|.+\.[^.]{2,})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Filters:
    """Empty fields do not filter. `api_key_id`: only that key's messages. `metadata`: keys and what they must have."""

    status: tuple[str, ...] = ()
    recipient: str = ""  # an address, the beginning of one, or @ and a whole domain; without regard to case
    tag: str = ""
    account: str = ""  # asked for, or tried
    template: str = ""  # slug, of those that are deleted as well, or id
    since: datetime | None = None
    until: datetime | None = None
    q: str = ""  # part of the subject, or an id of the message
    api_key_id: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    key: str = ""  # as `api_key_id`, but asked for
    reason: str = ""
    subject: str = ""  # part of it

    def asks(self, name: str) -> bool:
        """Whether it filters by that. An empty `api_key_id` does: it is nobody's."""
        value = getattr(self, name)
        return value is not None and value not in ("", ())


def filtered(query: Selected, filters: Filters) -> Selected:
    """`query`, which selects from messages, with everything that `filters` ask for.

    To look for such messages among a million use `messages.page` or `messages.matching`, which know a way there.
    """
    return query.where(*conditions(filters))


def conditions(filters: Filters, *, but: str = "") -> list[ColumnElement[bool]]:
    """One for each filter that is set, except the field `but`."""
    return [
        condition(getattr(filters, name))
        for name, condition in _CONDITIONS.items()
        if name != but and filters.asks(name)
    ]


def address_like(wanted: str) -> ColumnElement[bool]:
    """On recipients: a whole address, `@example.com` for everybody there, or the beginning of an address.

    `ann@example.com` is whole, `ann@example` the beginning of it.
    """
    wanted = wanted.encode().lower().decode()  # A-Z only, as the databases do it
    if wanted.startswith("@"):
        return Recipient.domain == wanted[1:]
    if _WHOLE_ADDRESS.fullmatch(wanted):
        return Recipient.address == wanted
    return and_(Recipient.address >= wanted, Recipient.address < wanted + _LAST_CHARACTER)


def is_beginning(wanted: str) -> bool:
    """Whether `address_like` takes it for the beginning of an address, which any number of addresses may have."""
    return not wanted.startswith("@") and not _WHOLE_ADDRESS.fullmatch(wanted)


def names(wanted: str) -> tuple[ColumnElement[bool], ...]:
    """The ids of a message, a mail program and the log that a text can be, as their indexes have them."""
    if not wanted.isascii() or any(character.isspace() for character in wanted):
        return ()
    by_request = and_(Message.request_id == wanted, Message.request_id != "")
    by_id = [Message.id == wanted] if wanted.startswith("msg_") else []
    by_message_id = [Message.rfc_message_id == wanted] if "@" in wanted else []
    return (*by_id, *by_message_id, by_request)


def _has_recipient(wanted: str) -> ColumnElement[bool]:
    return exists().where(Recipient.message_id == Message.id, address_like(wanted))


def _has_tag(tag: str) -> ColumnElement[bool]:
    return exists().where(MessageTag.message_id == Message.id, MessageTag.tag == tag)


def _went_through(account_id: str) -> ColumnElement[bool]:
    of_message = DeliveryAttempt.message_id == Message.id
    return or_(Message.account_id == account_id, exists().where(of_message, DeliveryAttempt.account_id == account_id))


def _has_in_subject(part: str) -> ColumnElement[bool]:
    return exists().where(MessageSearch.message_id == Message.id, contains(part))


def contains(part: str) -> ColumnElement[bool]:
    """On what the search reads."""
    return MessageSearch.text.contains(searchable(part), autoescape=True)


def _has_metadata(wanted: tuple[tuple[str, str], ...]) -> ColumnElement[bool]:
    return and_(*(metadata.has(key, value) for key, value in wanted))


_CONDITIONS: Mapping[str, Callable[[Any], ColumnElement[bool]]] = {
    "status": lambda status: Message.status.in_(status),
    "recipient": _has_recipient,
    "tag": _has_tag,
    "account": _went_through,
    "template": lambda template: Message.template_id.in_(templates.ids_of(template)),
    "since": lambda since: Message.created_at >= since,
    "until": lambda until: Message.created_at < until,
    "q": lambda q: or_(*names(q), _has_in_subject(q)),
    "api_key_id": lambda key: Message.api_key_id == key,
    "key": lambda key: Message.api_key_id == key,
    "reason": lambda reason: Message.reason == reason,
    "subject": _has_in_subject,
    "metadata": _has_metadata,  # last: what it looks into costs most
}
