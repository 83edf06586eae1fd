"""/api/v1/stats: figures by time, account, template, tag, key and status."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from appliance.db.models.rollup import COUNTERS, EVERYBODY, Unit
from appliance.db.queries.periods import Span
from appliance.db.queries.report import By, Question, Report, Row, report
from appliance.db.queries.statistics import NOTHING, Figures
from appliance.errors import FieldError, Forbidden, InvalidInput
from appliance.web.api import representations, statistics_documents
from appliance.web.api.authentication import caller, needs
from appliance.web.api.statistics_schemas import Grouping, PeriodQuery, StatisticsQuery
from appliance.web.context import web
from appliance.web.figures import kept

BUSIEST = 20
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}

TAG = Tag(name="statistics", description="Figures of what happened; they outlive the messages.")

blueprint = APIBlueprint("statistics", __name__, url_prefix="/stats", abp_tags=[TAG])


@blueprint.get(
    "",
    operation_id="show_statistics",
    summary="Figures by time, account, template, tag, key or status",
    responses={200: statistics_documents.StatisticsDocument},
)
@needs("read")
def show(query: StatisticsQuery) -> Response:
    """Of all messages, or of those of one account, template or tag, and of one key. A chart has no holes: an hour
    without a message is there with zeros.
    """
    question = _question(query)
    with web().read() as session:
        found = report(session, question)
    return jsonify(
        {
            **_period(question.span),
            "resolution": "hour" if question.span.unit is Unit.HOUR else "day",
            "group_by": list(query.group_by),
            "totals": _figures(found.totals),
            "items": _items(found, by_status=query.by is Grouping.STATUS),
            "omitted": found.omitted,
        }
    )


@blueprint.get(
    "/summary",
    operation_id="summarize_statistics",
    summary="The figures of a time at a glance",
    responses={200: statistics_documents.StatisticsSummary},
)
@needs("read")
def summarize(query: PeriodQuery) -> Response:
    question = Question(_span(query, Unit.DAY), scope=_scope(query), most_groups=BUSIEST)
    questions = {
        "by_day": replace(question, by_time=True),
        "by_account": replace(question, by=By.ACCOUNT),
        "by_template": replace(question, by=By.TEMPLATE),
        "by_tag": replace(question, by=By.TAG),
    }
    with web().read() as session:
        answers = {name: report(session, one) for name, one in questions.items()}
    return jsonify(
        {
            **_period(question.span),
            "totals": _figures(answers["by_day"].totals),
            **{name: _items(one) for name, one in answers.items()},
        }
    )


def _question(query: StatisticsQuery) -> Question:
    """Raises InvalidInput, Forbidden."""
    if len(query.group_by) == 2 and (query.unit is None or query.by is None):
        raise _wrong("group_by", "Two of them are `hour` or `day`, and one that is neither.")
    by = None if query.by in (None, Grouping.STATUS) else By(query.by)
    filters = list(query.filters.items())
    if len(filters) > 1:
        first, second = (dimension.value for dimension, _ in filters[:2])
        raise _wrong(second, f"Figures are kept by one thing at a time: ask for `{first}` or `{second}`.")
    if filters and by not in (None, By.KEY, filters[0][0].value):
        raise _wrong("group_by", f"What has this {filters[0][0].value} can be grouped by time, status and key.")
    return Question(
        span=_span(query, query.unit),
        scope=_scope(query),
        only=filters[0] if filters else None,
        by=by,
        by_time=query.unit is not None,
        most_groups=query.limit,
    )


def _span(query: PeriodQuery, unit: Unit | None) -> Span:
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise _wrong("until", "Give a moment after `since`.")
    span = kept().span(query.since, query.until, unit)
    if span is None:
        field = "until" if query.since is None else "since"
        raise _wrong(field, f"There are figures of the last {kept().day_days} days, up to now.")
    return span


def _scope(query: PeriodQuery) -> str:
    own = caller().sees_only
    if own is not None and query.key not in ("", own):
        raise Forbidden("Figures of another API key need a key with the scope 'manage'.")
    return own or query.key or EVERYBODY


def _wrong(field: str, message: str) -> InvalidInput:
    return InvalidInput([FieldError(field, message)])


def _period(span: Span) -> dict[str, Any]:
    return {
        "since": representations.moment(span.begin),
        "until": representations.moment(span.end),
        "timezone": web().zone.key,
    }


def _items(found: Report, *, by_status: bool = False) -> list[dict[str, Any]]:
    starts = {start: representations.moment(start) for start in {row.start for row in found.rows}}
    if by_status:
        return [one for row in found.rows for one in _statuses(row, starts[row.start])]
    return [
        {"start": starts[row.start], "group": row.value, "label": row.label, **_figures(row.figures)}
        for row in found.rows
    ]


def _statuses(row: Row, start: str | None) -> Iterable[dict[str, Any]]:
    for name, count in zip(COUNTERS, row.figures.counts, strict=True):
        yield {"start": start, "status": name, "count": count}


def _figures(figures: Figures) -> dict[str, Any]:
    if figures is NOTHING:
        return _NOTHING
    rate = figures.success_rate
    found: dict[str, Any] = dict(zip(COUNTERS, figures.counts, strict=True))
    found["success_rate"] = None if rate is None else round(rate, 4)
    found["seconds"] = _seconds(figures) if figures.times else None
    return found


_NOTHING: dict[str, Any] = {**dict.fromkeys(COUNTERS, 0), "success_rate": None, "seconds": None}


def _seconds(figures: Figures) -> dict[str, float] | None:
    found = figures.percentiles(*PERCENTILES.values())
    return {name: float(f"{one:.3g}") for name, one in zip(PERCENTILES, found, strict=True) if one is not None} or None
