"""The shapes of answers about figures, and an example of each."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from appliance.web.api.documents import Document, Moment
from appliance.web.api.statistics_schemas import Grouping


class Percentiles(Document):
    """Seconds from when a message was to go to when it was sent, at most 27 % off."""

    p50: float
    p90: float
    p95: float
    p99: float


class StatisticsFigures(Document):
    """Each event counts when it happens. A retry takes the end that the message had before out of the figures."""

    accepted: int
    sent: int = Field(description="Messages that ended so, and were not retried since; as are the four after it.")
    partially_sent: int
    failed: int
    suppressed: int
    cancelled: int
    deferred: int = Field(description="Temporary failures: a message may have several.")
    held: int
    retried: int = Field(description="How often messages were queued again; a message may have been several times.")
    success_rate: float | None = Field(description="sent / (sent + partially_sent + failed); null: none of them.")
    seconds: Percentiles | None = Field(description="null: none was sent, or grouped by two things.")


class StatisticsItem(StatisticsFigures):
    start: Moment | None = Field(description="Of the hour or the day; null: not grouped by time.")
    group: str | None = Field(
        description="The id of the account, template or key, or the tag; null: none of them, or `label` says which."
    )
    label: str | None = Field(description="What people call it; of a template, its slug.")


class StatusCount(Document):
    start: Moment | None
    status: str = Field(description="accepted, sent, failed, deferred and so on.")
    count: int


class StatisticsDocument(Document):
    since: Moment = Field(description="As asked, widened to the beginning of an hour or a day.")
    until: Moment
    resolution: Literal["hour", "day"]
    timezone: str = Field(description="Whose days they are; hours are UTC.")
    group_by: list[Grouping]
    totals: StatisticsFigures = Field(description="Of all that the filters leave.")
    items: list[StatisticsItem | StatusCount]
    omitted: int = Field(description="Groups beyond `limit`, or beyond 1,500 figures of groups by time.")


class StatisticsSummary(Document):
    since: Moment
    until: Moment
    timezone: str
    totals: StatisticsFigures
    by_day: list[StatisticsItem]
    by_account: list[StatisticsItem] = Field(description="The 20 busiest.")
    by_template: list[StatisticsItem] = Field(description="The 20 busiest.")
    by_tag: list[StatisticsItem] = Field(description="The 20 busiest.")


_FIGURES: Mapping[str, Any] = {
    "accepted": 1041,
    "sent": 1027,
    "partially_sent": 2,
    "failed": 9,
    "suppressed": 3,
    "cancelled": 0,
    "deferred": 17,
    "held": 0,
    "retried": 1,
    "success_rate": 0.9894,
    "seconds": {"p50": 0.0415, "p90": 0.106, "p95": 0.17, "p99": 71.7},
}
_DAY: Mapping[str, Any] = {**_FIGURES, "start": "2026-11-24T00:00:00.000Z", "group": None, "label": None}
_ACCOUNT: Mapping[str, Any] = {
    **_FIGURES,
    "accepted": 0,
    "start": None,
    "group": "acc_01kd4x0a7e5h3j9k1m6n8p2q4r",
    "label": "Shop",
}
_ONE_DAY: Mapping[str, Any] = {
    "since": "2026-11-24T00:00:00.000Z",
    "until": "2026-11-25T00:00:00.000Z",
    "timezone": "UTC",
    "totals": _FIGURES,
}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "StatisticsDocument": {**_ONE_DAY, "resolution": "day", "group_by": ["day"], "items": [_DAY], "omitted": 0},
    "StatisticsSummary": {
        **_ONE_DAY,
        "by_day": [_DAY],
        "by_account": [_ACCOUNT],
        "by_template": [],
        "by_tag": [{**_FIGURES, "start": None, "group": "invoice", "label": "invoice"}],
    },
}
