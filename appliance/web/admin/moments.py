"""Moments in the address bar: as a person writes them, in the zone of the appliance."""

from datetime import UTC, datetime

from flask import request

from appliance.web.context import web


def given(name: str) -> datetime | None:
    """From `?name=2026-11-24` or `2026-11-24T08:30`; None: it is empty or nothing of the kind."""
    try:
        moment = datetime.fromisoformat(request.args.get(name, "").strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=web().zone)).astimezone(UTC)
