"""What else is wrong with a message of which some fields are no good: a client hears of everything at once.

The fields that are as they should be are looked at once more, with harmless ones in place of the others.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from appliance.errors import FieldError, InvalidInput
from appliance.web.api import commands
from appliance.web.api.field_errors import are_too_many, field_errors
from appliance.web.api.schemas import MessageRequest
from appliance.web.context import web

View = TypeVar("View", bound=Callable[..., Any])
RECIPIENTS = ("to", "cc", "bcc")
FIELDS = frozenset(field.alias or name for name, field in MessageRequest.model_fields.items())


def at_message(view: View) -> View:
    """Marks a view whose body is a message. Goes below the route decorator."""
    view.__dict__["second_look"] = further
    return view


def further(body: object, error: ValidationError) -> list[FieldError]:
    """Besides what `error` says of `body`, in fields that it does not name. Stores nothing."""
    if not isinstance(body, dict) or are_too_many(error):
        return []
    wrong = named_by(error)
    kept = {name: value for name, value in body.items() if name in FIELDS and name not in wrong}
    try:
        prepared = commands.prepare(MessageRequest.model_validate(_stand_ins(kept) | kept))
    except ValidationError:
        return []  # what is left goes together with what was wrong
    except InvalidInput as more:
        return [one for one in more.errors if top(one.field) not in wrong]
    found = web().services.submission.faults(prepared.command)
    return [one for one in found if top(one.field) not in wrong]


def named_by(error: ValidationError) -> set[str]:
    """A rule may name another field than the one that it was noticed at."""
    noticed = {str(one["loc"][0]) for one in error.errors(include_url=False, include_input=False) if one["loc"]}
    return noticed | {top(one.field) for one in field_errors(error)}


def _stand_ins(kept: Mapping[str, Any]) -> dict[str, Any]:
    """For what a message must have."""
    stand_ins: dict[str, Any] = {}
    if not any(kept.get(kind) for kind in RECIPIENTS):
        stand_ins["to"] = ["somebody@example.com"]
    if kept.get("template") is None:
        stand_ins["subject"] = "-"
        if kept.get("html") is None:
            stand_ins["text"] = "-"
    return stand_ins


def top(field: str) -> str:
    """`attachments[1].content` is in `attachments`."""
    return field.partition(".")[0].partition("[")[0]
