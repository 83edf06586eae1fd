"""What may need a person, as it is at this moment. Each look is a short read or none at all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from appliance.clock import local_date, next_midnight
from appliance.config.alert_settings import AlertSettings
from appliance.db.database import Database
from appliance.db.models import SenderAccount
from appliance.db.models.alert import AlertKind
from appliance.db.models.rollup import Unit
from appliance.db.queries import accounts, alerts, box, statistics, webhooks
from appliance.db.queries.periods import Span
from appliance.db.queries.statistics import Group
from appliance.services.alert_mail import AlertMail
from appliance.services.backups import BackupRun
from appliance.services.capacity import MEGABYTE
from appliance.services.component_watch import ComponentWatch
from appliance.services.routing import ABLE, taking_turns
from appliance.services.server_certificates import ServerCertificates
from appliance.services.webhook_endpoints import BY_HAND

HALF = 0.5
ROOM_AGAIN = 1.25  # times the floor: only then is the disk well again
LIMIT_AGAIN = 0.05  # of a day's limit
LONGEST_SUBJECT = 255
A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """`bad`: past the upper mark. Not bad, it lies between the marks: that raises nothing and clears nothing,
    and without facts it leaves them as they were.

    `here`: it is about this box alone, not about what all boxes on the database share.
    """

    kind: AlertKind
    subject: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    bad: bool = True
    here: bool = False


class Conditions:
    def __init__(
        self,
        database: Database,
        settings: AlertSettings,
        *,
        directory: str,
        free: Callable[[], int],
        zone: ZoneInfo,
        last_backup: Callable[[], BackupRun | None],
        certificates: ServerCertificates,
        mail: AlertMail,
    ) -> None:
        """`directory`: the one on whose disk `free` bytes are left."""
        self._database = database
        self._settings = settings
        self._directory = directory
        self._zone = zone
        self._last_backup = last_backup
        self._certificates = certificates
        self._mail = mail
        self._free = free
        self.components = ComponentWatch()

    def look(self, now: datetime) -> list[Seen]:
        """Raises StorageUnavailable."""
        with self._database.read() as session:
            senders = accounts.by_priority(session)
            works = box.pause(session) is None
            shared = [
                *self._accounts(session, senders, now),
                *self._failures(session, now),
                *self._queue(session, now, works=works),
                *self._endpoints(session, now, works=works),
            ]
        of_this_box = [*self._disk(), *self._backup(), *self._unsteady(now), *self._unheard()]
        return [*shared, *self._expiring(senders, now), *of_this_box]

    def _accounts(self, session: Session, senders: Sequence[SenderAccount], now: datetime) -> Iterator[Seen]:
        today = local_date(now, self._zone)
        for one in senders:
            if not one.active:
                continue
            named = {"name": one.name}
            if one.breaker_until is not None:
                yield Seen(AlertKind.ACCOUNT_BROKEN, one.id, named | {"error": one.last_error})
            left = one.remaining(today)
            if left is not None and one.daily_limit and left <= one.daily_limit * LIMIT_AGAIN:
                until = next_midnight(now, self._zone)
                waits = not _covered(one, senders, now, today) or alerts.waits_for_limit(session, one.id, until=until)
                facts = named | {"limit": one.daily_limit, "until": until.isoformat(), "waits": waits}
                yield Seen(AlertKind.ACCOUNT_EXHAUSTED, one.id, facts, bad=left == 0)

    def _failures(self, session: Session, now: datetime) -> Iterator[Seen]:
        """Of this hour and the one before: rollups know whole hours only."""
        if not self._settings.failure_percent:
            return
        span = Span(Unit.HOUR, now - timedelta(hours=1), now + A_MOMENT, self._zone)
        figures = statistics.total(session, Group(), span)
        tried = figures.of("sent") + figures.of("partially_sent") + figures.of("failed")
        percent = 100 * figures.of("failed") / tried if tried else 0.0
        if tried >= self._settings.failure_messages and percent >= self._settings.failure_percent * HALF:
            facts = {"failed": figures.of("failed"), "tried": tried, "percent": round(percent)}
            yield Seen(AlertKind.FAILURE_RATE, "", facts, bad=percent >= self._settings.failure_percent)

    def _queue(self, session: Session, now: datetime, *, works: bool) -> Iterator[Seen]:
        """`works`: messages are sent. While they are not, that is no news, and what is old is not over either."""
        limit = self._settings.queue_minutes * 60
        oldest = alerts.oldest_due(session, now=now) if limit else None
        if oldest is None:
            return
        seconds = (now - oldest[1]).total_seconds()
        if seconds >= limit * HALF:
            facts = {"message": oldest[0], "seconds": round(seconds)}
            yield Seen(AlertKind.QUEUE_AGE, "", facts, bad=works and seconds >= limit)

    def _endpoints(self, session: Session, now: datetime, *, works: bool) -> Iterator[Seen]:
        """Of the URL only the host: the rest is often as good as a password. `works`: whether they are sent to."""
        limit = timedelta(minutes=self._settings.webhook_minutes)
        for one in webhooks.troubled(session) if limit else ():
            facts = {"host": urlsplit(one.url).hostname, "paused": not one.active}
            if not one.active:
                if one.paused_reason != BY_HAND:
                    since = (one.paused_at or now).isoformat()
                    yield Seen(AlertKind.WEBHOOK, one.id, facts | {"since": since, "error": one.paused_reason})
            elif one.failing_since is not None:
                facts |= {"since": one.failing_since.isoformat(), "error": one.last_error}
                yield Seen(AlertKind.WEBHOOK, one.id, facts, bad=works and now - one.failing_since >= limit)

    def _expiring(self, senders: Sequence[SenderAccount], now: datetime) -> Iterator[Seen]:
        if not self._settings.certificate_days:
            return
        used = {self._certificates.name_of(one) for one in senders if one.active}
        for server, until in self._certificates.known().items():
            days = (until - now) / timedelta(days=1)
            if server in used and days < self._settings.certificate_days:
                yield Seen(AlertKind.CERTIFICATE, server, {"server": server, "until": until.isoformat()})

    def _disk(self) -> Iterator[Seen]:
        floor = self._settings.disk_free_mb * MEGABYTE
        free = self._free()
        if floor and free < floor * ROOM_AGAIN:
            facts = {"free_mb": free // MEGABYTE, "directory": self._directory}
            yield Seen(AlertKind.DISK, "", facts, bad=free < floor, here=True)

    def _backup(self) -> Iterator[Seen]:
        last = self._last_backup()
        if last is not None and last.error:
            yield Seen(AlertKind.BACKUP, "", {"error": last.error, "at": last.at.isoformat()}, here=True)
        if last is not None and last.missing_for_waiting:
            facts = {"missing": last.missing_for_waiting, "at": last.at.isoformat()}
            yield Seen(AlertKind.BACKUP_INCOMPLETE, "", facts, here=True)

    def _unheard(self) -> Iterator[Seen]:
        for one in self._mail.unheard():
            facts = {"address": one.address, "why": one.why} if one.why is not None else {}
            yield Seen(AlertKind.UNHEARD, one.address[:LONGEST_SUBJECT], facts, bad=one.why is not None, here=True)

    def _unsteady(self, now: datetime) -> Iterator[Seen]:
        for one in self.components.look(now):
            facts = {"name": one.name, "restarts": one.restarts, "error": one.error}
            yield Seen(AlertKind.COMPONENT, one.name, facts, bad=one.bad, here=True)


def _covered(full: SenderAccount, senders: Sequence[SenderAccount], now: datetime, today: str) -> bool:
    """Whether another account takes what may go through any."""
    return any(one.id != full.id and one.state(now, today) in ABLE for one in taking_turns(senders))
