"""The shapes of questions for figures."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from appliance.db.models.rollup import Dimension, Unit
from appliance.web.api.schemas import Instant, Query, Text, split

MOST_GROUPS = 500


class Grouping(StrEnum):
    HOUR = "hour"
    DAY = "day"
    ACCOUNT = "account"
    TEMPLATE = "template"
    TAG = "tag"
    KEY = "key"
    STATUS = "status"


UNITS = {Grouping.HOUR: Unit.HOUR, Grouping.DAY: Unit.DAY}


class PeriodQuery(Query):
    since: Instant | None = Field(
        default=None, description="RFC 3339. Left out: 24 hours back when grouped by hour, else 30 days."
    )
    until: Instant | None = Field(default=None, description="RFC 3339; figures before this moment. Left out: now.")
    key: Text = Field(
        default="", max_length=40, description="The id of an API key: what was submitted with it. Others need `manage`."
    )


class StatisticsQuery(PeriodQuery):
    group_by: Annotated[list[Grouping], BeforeValidator(split)] = Field(
        default=[Grouping.DAY],
        min_length=1,
        max_length=2,
        description="One, or `hour` or `day` together with another one: repeat the parameter, or separate them by "
        "a comma.",
    )
    account: Text = Field(default="", max_length=40, description="The id of a sender account.")
    template: Text = Field(default="", max_length=100, description="The slug of a template, or its id.")
    tag: Text = Field(default="", max_length=64)
    limit: int = Field(
        default=100, ge=1, le=MOST_GROUPS, description="So many accounts, templates, tags or keys, the busiest first."
    )

    @property
    def unit(self) -> Unit | None:
        """Of time, if it is grouped by time."""
        return next((UNITS[one] for one in self.group_by if one in UNITS), None)

    @property
    def by(self) -> Grouping | None:
        """What else than time it is grouped by."""
        return next((one for one in self.group_by if one not in UNITS), None)

    @property
    def filters(self) -> dict[Dimension, str]:
        wanted = {Dimension.ACCOUNT: self.account, Dimension.TEMPLATE: self.template, Dimension.TAG: self.tag}
        return {dimension: value for dimension, value in wanted.items() if value}
