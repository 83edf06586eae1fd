"""What answers say of the limits of an API key.

`RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (requests, requests, seconds) are those of the IETF draft
draft-ietf-httpapi-ratelimit-headers up to version 6, which is what clients and proxies read today; later versions put
the same into structured fields that hardly any knows. They tell of requests a minute. The messages of the day stand in
`Quota-Limit`, `Quota-Remaining` and `Quota-Reset`, for which there is no standard. A key without a limit has none of
them.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response, g

from appliance.errors import LimitReached, QuotaUsedUp
from appliance.services.key_limits import Quota
from appliance.web.context import web

DESCRIPTIONS: Mapping[str, str] = {
    "RateLimit-Limit": "Requests a minute of this API key, all at once if need be. Without a limit it is left out.",
    "RateLimit-Remaining": "Requests that may come at once now.",
    "RateLimit-Reset": "Seconds until RateLimit-Limit requests may come at once again.",
    "Quota-Limit": "Messages a day of this API key. Without a limit it is left out.",
    "Quota-Remaining": "Messages that are left today.",
    "Quota-Reset": "Seconds until the next day begins, in the time zone of the appliance.",
}
OF_QUOTA = tuple(name for name in DESCRIPTIONS if name.startswith("Quota-"))
OF_RATE = tuple(name for name in DESCRIPTIONS if name not in OF_QUOTA)


def tell(response: Response) -> Response:
    """After each request that an API key sent."""
    caller = g.get("caller")
    rate = web().services.api_keys.rate(caller) if caller is not None else None
    if rate is not None:
        response.headers.update(_named("RateLimit", rate.limit, rate.remaining, rate.full_in))
    return response


def quota(quota: Quota | None) -> dict[str, str]:
    """Headers, where messages were counted."""
    return {} if quota is None else _named("Quota", quota.limit, quota.remaining, _until(quota.resets_at))


def reached(error: LimitReached) -> dict[str, str]:
    """Headers of the refusal: when it makes sense to try again (RFC 9110 section 10.2.3)."""
    wait = {"Retry-After": _whole(error.retry_after)}
    if isinstance(error, QuotaUsedUp):
        return wait | _named("Quota", error.limit, error.remaining, error.retry_after)
    return wait


def left(rate_limit: Any, quota: Quota | None) -> dict[str, Any]:
    """The same for `GET /keys/self`."""
    return {
        "requests": rate_limit and _left(rate_limit.limit, rate_limit.remaining, rate_limit.full_in),
        "messages": quota and _left(quota.limit, quota.remaining, _until(quota.resets_at)),
    }


def _left(limit: int, remaining: int, seconds: float) -> dict[str, int]:
    return {"limit": limit, "remaining": remaining, "reset_seconds": math.ceil(seconds)}


def _named(kind: str, limit: int, remaining: int, seconds: float) -> dict[str, str]:
    values = {"Limit": str(limit), "Remaining": str(remaining), "Reset": str(math.ceil(seconds))}
    return {f"{kind}-{name}": value for name, value in values.items()}


def _until(moment: datetime) -> float:
    return max(0.0, (moment - web().clock()).total_seconds())


def _whole(seconds: float) -> str:
    return str(max(1, math.ceil(seconds)))
