"""Alerts: what needs a person now, and what did. Raised once, told of once, and over when it has stayed away."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.clock import Clock, local_date
from appliance.config.alert_settings import AlertSettings
from appliance.db.database import Database
from appliance.db.models import Alert
from appliance.db.models.alert import News
from appliance.db.models.base import insert_rows
from appliance.db.queries import alerts
from appliance.db.types import new_id
from appliance.health import Health
from appliance.services import alert_words
from appliance.services.alert_conditions import Conditions, Seen
from appliance.services.alert_hysteresis import Hysteresis, Key
from appliance.services.alert_news import AlertNews, Told
from appliance.services.permission import Permission, needs
from appliance.services.storage_alarm import StorageAlarm

LOOK_SECONDS = 15.0
RESTLESS = timedelta(hours=1)
"""What comes back within this time must also stay away for this long: a thing that comes and goes is told of once."""

KEPT = timedelta(days=365)
"""So long is it kept what was an alert."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """`subject` is the id of what it is about: an account, a component, a server; empty where there is but one."""

    id: str
    kind: str
    subject: str
    since: datetime
    facts: Mapping[str, Any]
    sentence: str
    """What is the matter, in the language spoken when `open` was called."""
    remedy: str
    told_at: datetime | None = None
    trouble: str = ""
    """Why nobody could be told of it, or not in every way."""
    mild: bool = False
    """Nothing suffers by it yet."""


class Alerts:
    """`box_id` tells apart boxes that share a database. `timer` counts seconds."""

    def __init__(
        self,
        database: Database,
        settings: AlertSettings,
        conditions: Conditions,
        news: AlertNews,
        *,
        box_id: str,
        zone: ZoneInfo,
        clock: Clock,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._settings = settings
        self._conditions = conditions
        self._news = news
        self._box_id = box_id
        self._zone = zone
        self._clock = clock
        self._timer = timer
        self._hysteresis = Hysteresis(settings.raise_seconds, timer)
        self._alarm = StorageAlarm(
            news.tell_urls,
            news.start,
            raise_seconds=settings.raise_seconds,
            remind_seconds=settings.remind_hours * 3600,
            timer=timer,
        )
        self._latest: Mapping[Key, Seen] = {}
        self._due_at = 0.0
        self._pruned_on = ""

    def open(self) -> Sequence[OpenAlert]:
        """Those that need a person now, the newest first, with the facts of the last look."""
        with self._database.read() as session:
            found = alerts.open_ones(session, self._box_id)
        return [self._shown(one) for one in found]

    def watch(self, health: Callable[[], Sequence[Health]]) -> None:
        """Which components there are, and how they are: known once there is a supervisor."""
        self._conditions.components.health = health

    @needs(Permission.ADMINISTER)
    def test(self) -> Told:
        """Tells a test in every way that is set. Takes as long as the slowest of them."""
        return self._news.test()

    def turn(self) -> bool:
        """An errand: looks when it is time, and has somebody told of what is to be told."""
        if self._timer() >= self._due_at:
            self._due_at = self._timer() + LOOK_SECONDS
            self._alarm.heed(self._database.damage or self._database.writer.trouble)
            self.look()
            self._news.tell_later()
        return False

    def look(self) -> None:
        """Compares what is to be seen now with the alerts that are open. Raises StorageUnavailable."""
        now = self._clock()
        self._latest = {self._key(one): one for one in self._conditions.look(now)}
        with self._database.read() as session:
            opened = {(one.box, one.kind, one.subject): one for one in alerts.open_ones(session, self._box_id)}
        verdict = self._hysteresis.settle(self._latest, opened)
        for key, seen in verdict.raised.items():
            self._raise(key, seen, now)
        for alert in verdict.cleared.values():
            self._clear(alert, now)
        self._remind(opened.values(), now)
        self._prune(now)

    def _shown(self, alert: Alert) -> OpenAlert:
        latest = self._latest.get((alert.box, alert.kind, alert.subject))
        facts = latest.facts if latest is not None and latest.facts else alert.facts
        sentence = alert_words.sentence(alert.kind, facts, self._zone)
        return OpenAlert(
            alert.id,
            alert.kind,
            alert.subject,
            alert.raised_at,
            facts,
            sentence,
            alert_words.remedy(alert.kind, facts),
            alert.told_at,
            alert.trouble,
            mild=alert_words.is_mild(alert.kind, facts),
        )

    def _key(self, seen: Seen) -> Key:
        return (self._box_id if seen.here else "", seen.kind, seen.subject)

    def _raise(self, key: Key, seen: Seen, now: datetime) -> None:
        box, kind, subject = key
        row = {"box": box, "kind": kind, "subject": subject, "facts": dict(seen.facts), "raised_at": now}
        tell = {"news": News.RAISED, "news_due_at": now} if self._news.has_ways else {"news": News.NONE}
        new = {"id": new_id("alr"), "clear_seconds": int(self._settings.clear_seconds), **row, **tell}
        try:
            raised = self._database.write(partial(_insert, new, now))
        except IntegrityError:  # another box on this database server was faster
            raised = False
        if raised:
            log.warning("alert raised", kind=kind, subject=subject, **_loggable(seen.facts))

    def _clear(self, alert: Alert, now: datetime) -> None:
        cleared = self._database.write(
            lambda session: Alert.clear(session, alert.id, now=now, tell=self._news.has_ways)
        )
        if cleared:
            log.info("alert over", kind=alert.kind, subject=alert.subject)

    def _remind(self, opened: Iterable[Alert], now: datetime) -> None:
        hours = self._settings.remind_hours
        if not hours or not self._news.has_ways:
            return
        told_before = now - timedelta(hours=hours)
        for one in opened:
            if one.told_at is not None and one.told_at < told_before and one.news == News.NONE:
                self._database.write(partial(Alert.remind, alert_id=one.id, told_before=told_before, now=now))

    def _prune(self, now: datetime) -> None:
        """Once a day."""
        today = local_date(now, self._zone)
        if today != self._pruned_on:
            self._pruned_on = today
            self._database.write(partial(Alert.remove, cleared_before=now - KEPT))


def _insert(row: dict[str, Any], now: datetime, session: Session) -> bool:
    same = (row["box"], row["kind"], row["subject"])
    if alerts.open_one(session, *same) is not None:
        return False
    clear_seconds = row["clear_seconds"]
    if alerts.came_back(session, *same, since=now - RESTLESS):
        clear_seconds = max(clear_seconds, int(RESTLESS.total_seconds()))
    insert_rows(session, Alert, row | {"clear_seconds": clear_seconds})
    return True


def _loggable(facts: Mapping[str, Any]) -> dict[str, Any]:
    """`kind`, `subject` and `event` are taken; a fact of these names would be an error of ours."""
    return {f"fact_{name}" if name in ("event", "kind", "subject") else name: value for name, value in facts.items()}
