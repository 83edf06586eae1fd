"""The e-mails of alerts, and whether they reach those they are meant for.

Nobody asks what became of such a mail, least of all who did not get it. So the last one is remembered, and looked at.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import Flag, Recipient
from appliance.db.models.message import Priority
from appliance.db.models.recipient import RecipientStatus
from appliance.db.queries import alerts, suppressions
from appliance.errors import ApplianceError, StorageUnavailable
from appliance.language import gettext
from appliance.mail.addresses import Address, InvalidAddress, of
from appliance.mail.transport import Reply
from appliance.services.submit_message import Accepted, SubmitMessage

TAG = "postroom-alert"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Unheard:
    """Nothing gets through to `address`. `why` None: one is on its way, and will show it."""

    address: str
    why: str | None


class AlertMail:
    def __init__(
        self,
        database: Database,
        emails: Sequence[str],
        *,
        submit: Callable[[SubmitMessage], Accepted],
        box_id: str,
        clock: Clock,
    ) -> None:
        """`submit` accepts a message for sending."""
        self._database = database
        self._addresses, self._wrong = _told_apart(emails)
        self._submit = submit
        self._last = f"alert_mail:{box_id}"
        self._clock = clock

    def send(self, title: str, text: str) -> str:
        """Empty when it was accepted for somebody; else why not."""
        try:
            stopped = self._suppressed(self._addresses)
            to = tuple(Address(one) for one in self._addresses if one not in stopped)
            if not to:
                return " ".join(_no_mail_to(one, why) for one, why in (self._wrong | stopped).items())
            command = SubmitMessage(to, title, text=text, tags=(TAG,), priority=Priority.HIGH)
            self._remember(self._submit(command).id)
        except ApplianceError as error:
            return str(error)
        return ""

    def unheard(self) -> Iterator[Unheard]:
        """Raises StorageUnavailable."""
        yield from (Unheard(email, why) for email, why in self._wrong.items())
        if not self._addresses:
            return
        stopped = self._suppressed(self._addresses)
        sent = self._recipients_of_the_last()
        for address in self._addresses:
            if address in stopped:
                yield Unheard(address, stopped[address])
            elif address in sent:
                yield from _judge(sent[address])

    def _suppressed(self, addresses: Sequence[str]) -> dict[str, str]:
        """Those of `addresses` that nothing is sent to, each with the reason."""
        with self._database.read() as session:
            listed = suppressions.active_for(session, addresses, now=self._clock())
        return {address: str(entry) for address, entry in listed.items()}

    def _remember(self, message_id: str) -> None:
        now: datetime = self._clock()
        with suppress(StorageUnavailable):  # it goes out all the same
            self._database.write(lambda session: Flag.put(session, self._last, message_id, now=now))

    def _recipients_of_the_last(self) -> dict[str, Recipient]:
        with self._database.read() as session:
            flag = session.get(Flag, self._last)
            return {one.email: one for one in alerts.recipients(session, flag.value)} if flag is not None else {}


def _told_apart(emails: Sequence[str]) -> tuple[Sequence[str], dict[str, str]]:
    """Addresses, and what is none with the reason: one slip in the configuration must not silence all alerts."""
    addresses, wrong = [], {}
    for email in emails:
        try:
            addresses.append(of(email).email)
        except InvalidAddress as error:
            wrong[email] = str(error)
    return addresses, wrong


def _judge(recipient: Recipient) -> Iterator[Unheard]:
    """Who was suppressed then and is not any more may hear the next one."""
    if recipient.status == RecipientStatus.FAILED:
        yield Unheard(recipient.email, str(Reply(recipient.reply_code, recipient.reply_text)))
    elif recipient.status == RecipientStatus.PENDING:
        yield Unheard(recipient.email, None)


def _no_mail_to(address: str, why: str) -> str:
    return gettext("No e-mail is sent to %(address)s (%(why)s).", address=address, why=why)
