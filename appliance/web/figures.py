"""Statistics as this appliance keeps them, for the API and for the pages."""

from appliance.db.queries.periods import Kept
from appliance.web.context import web


def kept() -> Kept:
    """Which figures there are at this moment."""
    settings = web().settings.statistics
    return Kept(web().clock(), settings.hour_days, settings.day_days, web().zone)
