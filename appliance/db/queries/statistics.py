"""Figures of what happened, read from rollups: what happened to messages that are long gone is in them as well."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, sqrt
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from appliance.db.models import ApiKey, SenderAccount, Template
from appliance.db.models.rollup import BORDERS, COUNTERS, EVERYBODY, GROWTH, OTHER, TIMES, Dimension, Rollup, Unit
from appliance.db.queries import templates
from appliance.db.queries.periods import Piece, Span

_C = Rollup.__table__.c
_SUMS = tuple(func.sum(_C[name]) for name in (*COUNTERS, *TIMES))
_COLUMNS = tuple(_C[name] for name in (*COUNTERS, *TIMES))
_PLACES = {name: place for place, name in enumerate(COUNTERS)}
_MIDDLES = (*(border / sqrt(GROWTH) for border in BORDERS), BORDERS[-1])
_FINISHED = ("sent", "partially_sent", "failed", "suppressed", "cancelled")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one group in one stretch of time. Figures are added by `+`; `sum` begins with `NOTHING`."""

    counts: tuple[int, ...]  # in the order of COUNTERS
    times: tuple[int, ...] = ()  # of TIMES; empty: not asked for, or nothing was sent

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(_sum(self.counts, other.counts), _sum(self.times, other.times))

    def of(self, counter: str) -> int:
        return self.counts[_PLACES[counter]]

    @property
    def finished(self) -> int:
        return sum(self.counts[_PLACES[counter]] for counter in _FINISHED)

    @property
    def success_rate(self) -> float | None:
        """Of the messages that were tried to their end, the part that was sent to everybody. None: there is none."""
        sent = self.of("sent")
        tried = sent + self.of("partially_sent") + self.of("failed")
        return sent / tried if tried else None

    def percentiles(self, *parts: float) -> list[float | None]:
        """Seconds within which each of `parts` (0 to 1) of the sent messages went out, by nearest rank.

        Each is the middle of the column that the true one is in, so at most a factor of sqrt(GROWTH), 27 %, off. What
        took less than 5 ms counts as 4 ms, what took more than 3.3 days as 3.3 days. None: nothing was sent.
        """
        sums = list(accumulate(self.times))
        if not sums or not sums[-1]:
            return [None] * len(parts)
        return [_MIDDLES[bisect_left(sums, max(1, ceil(part * sums[-1])))] for part in parts]


NOTHING = Figures((0,) * len(COUNTERS))


@dataclass(frozen=True, slots=True)
class Group:
    """Whose figures: those of a dimension, of its `values` if there are any; of the API key `scope` or of everybody."""

    dimension: Dimension = Dimension.TOTAL
    values: tuple[str, ...] | None = None
    scope: str = EVERYBODY


def total(session: Session, group: Group, span: Span) -> Figures:
    """All of `group` in one."""
    row = session.execute(_within(select(*_SUMS), group, span.pieces())).one()
    return _figures([count or 0 for count in row])


def by_period(session: Session, group: Group, span: Span) -> dict[str, Figures]:
    """Every period of `span`, also those in which nothing happened."""
    found: dict[str, Figures] = {}
    for row in session.execute(_within(select(_C.period, *_COLUMNS), group, [span.whole])).all():
        one = _figures(row[1:])
        found[row[0]] = found[row[0]] + one if row[0] in found else one  # of several values
    return {period: found.get(period, NOTHING) for period in span.starts}


def by_value(session: Session, group: Group, span: Span, *, times: bool = True) -> dict[str, Figures]:
    """Each value of the dimension that something happened to, the busiest first."""
    query = _within(select(_C.value, *_sums(times)), group, span.pieces()).group_by(_C.value)
    return _busiest_first({row[0]: _figures(row[1:]) for row in session.execute(query).all()})


def by_scope(session: Session, group: Group, span: Span, *, times: bool = True) -> dict[str, Figures]:
    """Each API key that something happened to within `group`, the busiest first."""
    query = _within(select(_C.scope, *_sums(times)), group, span.pieces(), scopes(session, span.unit))
    return _busiest_first({row[0]: _figures(row[1:]) for row in session.execute(query.group_by(_C.scope)).all()})


def by_value_and_period(session: Session, group: Group, span: Span) -> dict[tuple[str, str], Figures]:
    """Without times, and without the periods in which nothing happened."""
    query = _within(select(_C.value, _C.period, *_COLUMNS[: len(COUNTERS)]), group, [span.whole])
    return {(row[0], row[1]): _figures(row[2:]) for row in session.execute(query).all()}


def by_scope_and_period(
    session: Session, group: Group, span: Span, scopes: Sequence[str]
) -> dict[tuple[str, str], Figures]:
    """The same of some API keys within `group`."""
    query = _within(select(_C.scope, _C.period, *_sums(times=False)), group, [span.whole], scopes)
    rows = session.execute(query.group_by(_C.scope, _C.period)).all()
    return {(row[0], row[1]): _figures(row[2:]) for row in rows}


def labels(session: Session, dimension: Dimension, values: Iterable[str]) -> dict[str, str]:
    """What people call them: names of accounts and, of the total, of API keys; slugs of templates. Deleted ones too."""
    if dimension not in _NAMES:
        return {value: value for value in values}
    key, name = _NAMES[dimension]
    return {row[0]: row[1] for row in session.execute(select(key, name).where(key.in_(list(values))))}


_NAMES: Mapping[Dimension, tuple[Any, Any]] = {
    Dimension.TOTAL: (ApiKey.id, ApiKey.name),
    Dimension.ACCOUNT: (SenderAccount.id, SenderAccount.name),
    Dimension.TEMPLATE: (Template.id, Template.slug),
}


def template_ids(session: Session, slug: str) -> tuple[str, ...]:
    """Of the templates that have, or had, this slug; an id stands for itself."""
    return tuple(session.scalars(templates.ids_of(slug)))


def scopes(session: Session, unit: Unit) -> list[str]:
    """All but that of everybody. Steps from one to the next: reading every rollup to find a few would take long."""
    first = select(func.min(_C.scope).label("scope")).where(_C.unit == unit, _C.scope > EVERYBODY).cte(recursive=True)
    following = select(func.min(_C.scope)).where(_C.unit == unit, _C.scope > first.c.scope).scalar_subquery()
    steps = first.union_all(select(following).where(first.c.scope.is_not(None)))
    return list(session.scalars(select(steps.c.scope).where(steps.c.scope.is_not(None))))


def known_tags(
    session: Session, unit: Unit, places: Iterable[tuple[str, str]], tags: Iterable[str]
) -> dict[tuple[str, str], set[str]]:
    """Which of `tags` have a rollup, by period and scope."""
    query = select(_C.period, _C.scope, _C.value).where(*_tags_of(unit, places), _C.value.in_(list(tags)))
    found: dict[tuple[str, str], set[str]] = {}
    for period, scope, tag in session.execute(query):
        found.setdefault((period, scope), set()).add(tag)
    return found


def tag_counts(session: Session, unit: Unit, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """How many tags have a rollup of their own, by period and scope."""
    query = select(_C.period, _C.scope, func.count()).where(*_tags_of(unit, places), _C.value != OTHER)
    return {(period, scope): count for period, scope, count in session.execute(query.group_by(_C.period, _C.scope))}


def _tags_of(unit: Unit, places: Iterable[tuple[str, str]]) -> list[ColumnElement[bool]]:
    periods, scopes = {period for period, _ in places}, {scope for _, scope in places}
    return [_C.unit == unit, _C.scope.in_(scopes), _C.dimension == Dimension.TAG, _C.period.in_(periods)]


def _within(
    query: Select[Any], group: Group, pieces: Sequence[Piece], scopes: Sequence[str] | None = None
) -> Select[Any]:
    of_scope = _C.scope == group.scope if scopes is None else _C.scope.in_(scopes)
    conditions = [of_scope, _C.dimension == group.dimension]
    if group.values is not None:
        conditions.append(_C.value.in_(group.values))
    times = [and_(_C.unit == unit, _C.period.between(first, last)) for unit, first, last in pieces]
    return query.where(*conditions, or_(*times))


def _sums(times: bool) -> Sequence[Any]:
    return _SUMS if times else _SUMS[: len(COUNTERS)]


def _sum(ones: tuple[int, ...], others: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(int.__add__, ones, others)) if ones and others else ones or others


def _figures(row: Sequence[int]) -> Figures:
    """Not below zero: after a change of the time zone a retry may take back of the day beside that of the end."""
    counts = tuple(max(0, count) for count in row)
    return Figures(counts[: len(COUNTERS)], counts[len(COUNTERS) :])


def _busiest_first(found: dict[str, Figures]) -> dict[str, Figures]:
    """Without those of whom everything that was counted was taken back by retries."""
    left = [(name, one) for name, one in found.items() if any(one.counts)]
    return dict(sorted(left, key=lambda item: (-item[1].of("accepted") - item[1].finished, item[0])))
