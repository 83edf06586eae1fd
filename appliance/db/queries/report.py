"""A question for figures and its answer: of some messages, by time, by what they have in common, or by both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from appliance.db.models.rollup import EVERYBODY, NOBODY, NONE, OTHER, Dimension
from appliance.db.queries import statistics
from appliance.db.queries.periods import Span
from appliance.db.queries.statistics import NOTHING, Figures, Group

MOST_FIGURES = 1500
"""Of groups by time: what takes some tens of milliseconds, and what a chart can show."""
OTHER_TAGS = "other tags"


class By(StrEnum):
    ACCOUNT = "account"
    TEMPLATE = "template"
    TAG = "tag"
    KEY = "key"

    @property
    def dimension(self) -> Dimension:
        """Whose values it tells apart; keys are told apart by the scope of the total."""
        return Dimension.TOTAL if self is By.KEY else Dimension(self.value)


@dataclass(frozen=True, slots=True)
class Question:
    """`only`: messages with this account, template (slug or id) or tag, which then is what `by` may be, or the key."""

    span: Span
    scope: str = EVERYBODY
    only: tuple[Dimension, str] | None = None
    by: By | None = None
    by_time: bool = False
    most_groups: int = 100


@dataclass(frozen=True, slots=True)
class Row:
    figures: Figures
    start: datetime | None = None
    value: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    totals: Figures
    rows: Sequence[Row]
    omitted: int = 0  # groups beyond the busiest


def report(session: Session, question: Question) -> Report:
    """Of as many groups, the busiest first, as were asked for and as keep within MOST_FIGURES."""
    group = _group(session, question)
    totals = statistics.total(session, group, question.span)
    if question.by is None:
        return Report(totals, _by_time(session, question, group) if question.by_time else [Row(totals)])
    found = _by_group(session, question, group)
    busiest = dict(list(found.items())[: _most_groups(question)])
    labels = statistics.labels(session, question.by.dimension, busiest)
    rows = [Row(one, value=_shown(name), label=_label(name, labels)) for name, one in busiest.items()]
    if question.by_time:
        rows = _by_both(session, question, group, dict(zip(busiest, rows, strict=True)))
    return Report(totals, rows, len(found) - len(busiest))


def _most_groups(question: Question) -> int:
    return (
        min(question.most_groups, MOST_FIGURES // len(question.span.starts))
        if question.by_time
        else question.most_groups
    )


def _group(session: Session, question: Question) -> Group:
    """What `only` leaves; of several values, as templates of one slug may be, all together."""
    if question.only is None:
        return Group(scope=question.scope)
    dimension, value = question.only
    values = statistics.template_ids(session, value) if dimension is Dimension.TEMPLATE else (value,)
    return Group(dimension, values, question.scope)


def _by_time(session: Session, question: Question, group: Group) -> list[Row]:
    found = statistics.by_period(session, group, question.span)
    return [Row(one, start=question.span.starts[period]) for period, one in found.items()]


def _by_group(session: Session, question: Question, group: Group) -> dict[str, Figures]:
    if question.by is not By.KEY:
        return statistics.by_value(session, _told_apart(question, group), question.span, times=not question.by_time)
    if question.scope == EVERYBODY:
        return statistics.by_scope(session, group, question.span, times=not question.by_time)
    own = statistics.total(session, group, question.span)
    return {question.scope: own} if own != NOTHING else {}


def _told_apart(question: Question, group: Group) -> Group:
    assert question.by is not None
    return group if question.only is not None else replace(group, dimension=question.by.dimension)


def _by_both(session: Session, question: Question, group: Group, groups: Mapping[str, Row]) -> list[Row]:
    """Of each group every period, also those in which nothing happened to it."""
    if question.by is By.KEY:
        found = statistics.by_scope_and_period(session, group, question.span, list(groups))
    else:
        some = replace(_told_apart(question, group), values=tuple(groups))
        found = statistics.by_value_and_period(session, some, question.span)
    return [
        Row(found.get((name, period), NOTHING), start, row.value, row.label)
        for name, row in groups.items()
        for period, start in question.span.starts.items()
    ]


def _shown(value: str) -> str | None:
    return None if value in (NONE, NOBODY, OTHER) else value


def _label(value: str, labels: Mapping[str, str]) -> str | None:
    return OTHER_TAGS if value == OTHER else labels.get(value) if _shown(value) else None
