"""Tells people of alerts: by e-mail, which the appliance sends itself, and by the URLs of Apprise.

What is to be told is rows. One telling takes all that are due, so that ten broken accounts are one mail. When mail is
what is broken, the URLs say so, and the e-mail is left out: it would wait in the very queue that does not move.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from appliance.clock import Clock, local_date
from appliance.config.alert_settings import AlertSettings
from appliance.db.database import Database
from appliance.db.models import Alert, AuditEntry, SenderAccount
from appliance.db.models.alert import AlertKind, News
from appliance.db.models.sender_account import AccountState, TransportKind
from appliance.db.queries import accounts, alerts, box
from appliance.errors import ApplianceError
from appliance.services import alert_words, audit
from appliance.services.alert_mail import AlertMail

LEASE = timedelta(minutes=5)
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
MOST_TRIES = 30  # a good day long
_WORKS = (AccountState.READY, AccountState.PROBING)
_STUCK = (AlertKind.QUEUE_AGE, AlertKind.DISK)

Tell = Callable[[str, str], None]
"""Tells a title and a text. Raises ApplianceError with a sentence that says why it did not go."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """Of each way: None where it is not set, empty where it went, else why it did not."""

    email: str | None
    urls: str | None

    @property
    def anybody(self) -> bool:
        return "" in (self.email, self.urls)

    @property
    def trouble(self) -> str:
        return " ".join(said for said in (self.email, self.urls) if said)


class AlertNews:
    """`tell_urls` tells the URLs; `start` runs a function beside everything."""

    def __init__(
        self,
        database: Database,
        settings: AlertSettings,
        *,
        mail: AlertMail,
        tell_urls: Tell,
        start: Callable[[Callable[[], None]], object],
        name: str,
        link: Callable[[], str],
        zone: ZoneInfo,
        clock: Clock,
    ) -> None:
        """`name`: of this box, in titles; `link`: to the page of alerts, as it is at that moment."""
        self._database = database
        self._settings = settings
        self._mail = mail
        self._tell_urls = tell_urls
        self.start = start
        self._name = name
        self._link = link
        self._zone = zone
        self._clock = clock
        self._telling = False

    @property
    def has_ways(self) -> bool:
        return bool(self._settings.email) or self._has_urls

    @property
    def _has_urls(self) -> bool:
        return bool(self._settings.urls.get_secret_value().split())

    def tell_urls(self, title: str, text: str) -> None:
        """The URLs alone, where there are some. Raises ApplianceError."""
        if self._has_urls:
            self._tell_urls(f"[{self._name}] {title}", text)

    def tell_later(self) -> None:
        """Has what is due told, beside everything else; one telling at a time."""
        if self._telling or not self.has_ways:
            return
        with self._database.read() as session:
            if not alerts.to_tell(session, now=self._clock()):
                return
        self._telling = True
        self.start(self._tell)

    def tell(self) -> None:
        """Tells what is due, all of it at once."""
        now = self._clock()
        claimed = [one for one in self._due(now) if self._claim(one, now)]
        if not claimed:
            return
        told = self._told(self._title(claimed), "\n\n".join(map(self._paragraph, claimed)), claimed)
        for one in claimed:
            self._note(one, told)

    def test(self) -> Told:
        row = audit.entry("alerts.tested", "", {}, self._clock())
        self._database.write(lambda session: AuditEntry.note(session, row))
        text = "This is a test. Whoever reads it is told when something needs a person."
        return self._told(f"[{self._name}] Test of the alerts", text, [])

    def _tell(self) -> None:
        try:
            self.tell()
        except ApplianceError as error:  # the database does not answer: the next turn comes soon
            log.warning("alerts could not be told", reason=str(error))
        finally:
            self._telling = False

    def _due(self, now: datetime) -> Sequence[Alert]:
        with self._database.read() as session:
            return alerts.to_tell(session, now=now)

    def _claim(self, one: Alert, now: datetime) -> bool:
        claim = partial(Alert.claim, alert_id=one.id, news=one.news, now=now, until=now + LEASE)
        return self._database.write(claim)

    def _told(self, title: str, text: str, about: Sequence[Alert]) -> Told:
        """By e-mail first: whether that went is part of what the URLs are told."""
        email = self._by_email(title, text, about) if self._settings.email else None
        urls = None
        if self._has_urls:
            urls = self._by_urls(title, f"{text}\n\nNot told by e-mail: {email}" if email else text)
        return Told(email, urls)

    def _by_email(self, title: str, text: str, about: Sequence[Alert]) -> str:
        return self._trouble_of_mail(about) or self._mail.send(title, f"{text}\n\n{self._link()}\n")

    def _by_urls(self, title: str, text: str) -> str:
        try:
            self._tell_urls(title, f"{text}\n\n{self._link()}")
        except ApplianceError as error:
            return str(error)
        return ""

    def _trouble_of_mail(self, about: Sequence[Alert]) -> str:
        """Why a mail about this would not leave now; empty: it would."""
        if any(one.kind in _STUCK and one.news != News.CLEARED for one in about):
            return "mail itself may be what is stuck."
        now = self._clock()
        with self._database.read() as session:
            if box.pause(session) is not None:
                return "sending is paused."
            senders = accounts.by_priority(session)
        if not any(self._works(one, now) for one in senders):
            return "no sender account can send now."
        return ""

    def _works(self, one: SenderAccount, now: datetime) -> bool:
        return one.transport == TransportKind.SMTP and one.state(now, local_date(now, self._zone)) in _WORKS

    def _title(self, about: Sequence[Alert]) -> str:
        if len(about) > 1:
            return f"[{self._name}] {len(about)} alerts"
        [one] = about
        words = {News.RAISED: "Alert", News.REMINDER: "Still", News.CLEARED: "Over"}
        return f"[{self._name}] {words[News(one.news)]}: {alert_words.title(one.kind)}"

    def _paragraph(self, one: Alert) -> str:
        since = f"{one.raised_at.astimezone(self._zone):%Y-%m-%d %H:%M}"
        said = alert_words.sentence(one.kind, one.facts, self._zone)
        if one.news == News.CLEARED:
            return f"Over: {alert_words.title(one.kind)}. It was so since {since}: {said}"
        still = f" It has been so since {since}." if one.news == News.REMINDER else ""
        return f"{said}{still} {alert_words.remedy(one.kind, one.facts)}"

    def _note(self, one: Alert, told: Told) -> None:
        now = self._clock()
        if told.anybody:
            trouble = told.trouble
            self._database.write(partial(Alert.note_told, alert_id=one.id, news=one.news, now=now, trouble=trouble))
            return
        log.warning("nobody could be told of an alert", kind=one.kind, reason=told.trouble)
        wait = min(FIRST_WAIT * 2**one.tries, LONGEST_WAIT)
        again_at = now + wait if one.tries + 1 < MOST_TRIES else None
        self._database.write(partial(_note_not_told, one, again_at, told.trouble))


def _note_not_told(one: Alert, again_at: datetime | None, trouble: str, session: Session) -> None:
    Alert.note_not_told(session, one.id, news=one.news, again_at=again_at, trouble=trouble)
