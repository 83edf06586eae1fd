"""Adds events up into rollups, inside the transaction that takes them out of the log: each counts exactly once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.settings import StatisticsSettings
from appliance.db.database import Database
from appliance.db.models import Event
from appliance.db.models.message import MessageStatus
from appliance.db.models.rollup import (
    COUNTERS,
    EVERYBODY,
    KEY,
    NOBODY,
    NONE,
    TIMES,
    Dimension,
    Rollup,
    Unit,
    column_of,
)
from appliance.db.queries import statistics
from appliance.services.pace import Pace
from appliance.services.tag_limits import TagLimits

PRUNE_STEP = 1000
LONGEST_MONTH = 31
TIMED = (MessageStatus.SENT, MessageStatus.PARTIALLY_SENT)
_PREFIX = "message."
_ZEROS: Mapping[str, Any] = dict.fromkeys((*COUNTERS, *TIMES), 0)

Cell = tuple[Unit, str, str, str, str]  # the key of a rollup
Counts = dict[str, int]  # by column


class _Fact(NamedTuple):
    """What one event adds to one counter, or takes back of it."""

    counter: str
    at: datetime
    account_id: str | None
    seconds: float | None
    by: int = 1


class _Group(NamedTuple):
    """What events have in common that belong into the same rollups. A batch has far fewer groups than events."""

    hour: str
    day: str
    scope: str
    account: str
    template: str
    tags: tuple[str, ...]

    def periods(self) -> Iterator[tuple[Unit, str]]:
        yield Unit.HOUR, self.hour
        yield Unit.DAY, self.day
        yield Unit.MONTH, self.day[:7]


class Statistics:
    def __init__(self, database: Database, settings: StatisticsSettings, *, zone: ZoneInfo, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._zone = zone
        self._clock = clock

    def count(self, session: Session, events: Sequence[Event]) -> None:
        """A consumer of the log of events; what does not concern a message is not counted."""
        groups = self._groups([event for event in events if event.kind.startswith(_PREFIX)])
        Rollup.add(session, [_row(cell, counts) for cell, counts in _cells(session, groups).items()])

    def prune(self) -> dict[str, int]:
        """Removes what is past its age, step by step. Returns how many rollups of each unit; twice is harmless."""
        now, hour_days, day_days = self._clock(), self._settings.hour_days, self._settings.day_days
        ages = {Unit.HOUR: hour_days, Unit.DAY: day_days, Unit.MONTH: day_days + LONGEST_MONTH}
        return {
            f"{unit.name.lower()}s": self._prune(unit, unit.period(now - timedelta(days=days), self._zone))
            for unit, days in ages.items()
        }

    def _prune(self, unit: Unit, before: str) -> int:
        with self._database.read() as session:
            groups = list(product([EVERYBODY, *statistics.scopes(session, unit)], Dimension))
        return sum(self._prune_group(unit, scope, dimension, before) for scope, dimension in groups)

    def _prune_group(self, unit: Unit, scope: str, dimension: Dimension, before: str) -> int:
        removed, step, pace = 0, PRUNE_STEP, Pace()
        remove = partial(
            Rollup.remove_before, unit=unit, scope=scope, dimension=dimension, period=before, limit=PRUNE_STEP
        )
        while step == PRUNE_STEP:
            step = self._database.write(remove)
            removed += step
            pace.step()
        return removed

    def _groups(self, events: Iterable[Event]) -> dict[_Group, Counts]:
        groups: dict[_Group, Counts] = defaultdict(lambda: defaultdict(int))
        periods: dict[str, tuple[str, str]] = {}
        for event in events:
            for fact in _facts(event):
                minute = fact.at.isoformat()[:16]
                if minute not in periods:  # a day begins with a minute, wherever one is
                    periods[minute] = Unit.HOUR.period(fact.at, self._zone), Unit.DAY.period(fact.at, self._zone)
                counts = groups[_group(event, fact.account_id, *periods[minute])]
                counts[fact.counter] += fact.by
                if fact.counter in TIMED and fact.seconds is not None:
                    counts[column_of(fact.seconds)] += fact.by
        return groups


def _facts(event: Event) -> Iterator[_Fact]:
    """A retry takes back the end that the message had, in the hour and of the account that it was counted for."""
    yield _Fact(event.kind.removeprefix(_PREFIX), event.at, event.account_id, event.seconds)
    if event.ended is not None:
        at = datetime.fromisoformat(event.ended["at"])
        yield _Fact(event.ended["status"], at, event.ended["account_id"], event.ended["seconds"], by=-1)


def _group(event: Event, account_id: str | None, hour: str, day: str) -> _Group:
    return _Group(
        hour,
        day,
        event.api_key_id or NOBODY,
        account_id or NONE,
        event.template_id or NONE,
        tuple(event.tags),
    )


def _cells(session: Session, groups: Mapping[_Group, Counts]) -> dict[Cell, Counts]:
    limits = TagLimits(session, _tags(groups))
    cells: dict[Cell, Counts] = defaultdict(lambda: defaultdict(int))
    for group, counts in groups.items():
        for cell in _cells_of(group, limits):
            total = cells[cell]
            for column, count in counts.items():
                total[column] += count
    return cells


def _cells_of(group: _Group, limits: TagLimits) -> Iterator[Cell]:
    for unit, period in group.periods():
        for scope in (EVERYBODY, group.scope):
            yield unit, scope, Dimension.TOTAL, period, ""
            yield unit, scope, Dimension.ACCOUNT, period, group.account
            yield unit, scope, Dimension.TEMPLATE, period, group.template
            for value in limits.values(unit, group.day, scope, group.tags):
                yield unit, scope, Dimension.TAG, period, value


def _tags(groups: Iterable[_Group]) -> Iterator[tuple[str, str, str]]:
    for group in groups:
        for scope in (EVERYBODY, group.scope):
            for tag in group.tags:
                yield group.day, scope, tag


def _row(cell: Cell, counts: Mapping[str, int]) -> dict[str, Any]:
    return {**_ZEROS, **dict(zip(KEY, cell, strict=True)), **counts}
