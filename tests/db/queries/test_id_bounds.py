"""Ids of a time lie between its bounds, a day left on either side for a clock that was wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from appliance.db.queries import id_bounds
from appliance.db.types import id_at

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_bounds_hold_what_came_within_a_day_of_them() -> None:
    assert id_at("aud", NOON - 2 * DAY) < id_bounds.lower("aud", NOON) < id_at("aud", NOON)
    assert id_at("aud", NOON) < id_bounds.upper("aud", NOON) < id_at("aud", NOON + 2 * DAY)


@pytest.mark.parametrize("moment", [datetime.min, datetime(1970, 1, 1), datetime(1, 1, 1, 23), datetime.max])
def test_any_moment_has_bounds(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC)

    assert id_bounds.lower("aud", moment) < id_bounds.upper("aud", moment)
