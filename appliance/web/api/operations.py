"""What an operation can answer beside what every one can: said at its view, told by the OpenAPI document."""

from collections.abc import Callable
from typing import Any, TypeVar

from appliance.web.api.error_codes import ErrorCode

View = TypeVar("View", bound=Callable[..., Any])


def refuses(*codes: ErrorCode) -> Callable[[View], View]:
    """Marks a view that can answer with `codes`. Goes below the route decorator."""

    def mark(view: View) -> View:
        view.__dict__["refusals"] = codes
        return view

    return mark


def repeatable(view: View) -> View:
    """Marks a view that gives its first answer again to an `Idempotency-Key`. Goes below the route decorator."""
    view.__dict__["repeatable"] = True
    return view
