"""From what pydantic found to what a client is told: one entry a field, named by its path in the request."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from appliance.errors import FieldError
from appliance.services.intake import InvalidEntries, TooLarge
from appliance.web.api import field_words

LONGEST_PATH = 200  # an unknown field is named by whoever sent it
MOST_ERRORS = 2000

_TOO_MANY = f"More than {MOST_ERRORS:,} fields are wrong, too many to name. Compare the body with /api/docs."
_REQUIRED = "This field is required."
_UNKNOWN = "There is no such field; check its spelling in /api/docs."
_OURS = ("value_error", "rule")  # raised by our own checkers, with the remedy in them


def field_errors(error: ValidationError) -> list[FieldError]:
    """Every wrong field, each once, in the order of the schema; where they are too many, only that they are."""
    if are_too_many(error):
        return [FieldError("body", _TOO_MANY, "too_many")]
    found = [one for entry in error.errors(include_url=False, include_input=False) for one in _of_entry(dict(entry))]
    return list(dict.fromkeys(found))[:MOST_ERRORS]


def are_too_many(error: ValidationError) -> bool:
    """To name them all would hold everybody else up for seconds."""
    return error.error_count() > MOST_ERRORS


def _of_entry(entry: dict[str, Any]) -> Iterator[FieldError]:
    raised = entry.get("ctx", {}).get("error")
    if isinstance(raised, InvalidEntries):
        for where, message in raised.entries:
            yield FieldError(_path((*entry["loc"], *where)), _sentence(message))
    elif isinstance(raised, TooLarge):
        yield FieldError(_path(entry["loc"]), _sentence(str(raised)), "too_large")
    elif entry["type"] == "extra_forbidden":
        yield FieldError(_path(entry["loc"]), _UNKNOWN, "unknown_field")
    elif entry["type"] == "missing":
        yield FieldError(_path(entry["loc"]), _REQUIRED, "required")
    elif entry["type"] == "too_long":
        yield _too_long(entry)
    else:
        yield _other(entry)


def _too_long(entry: dict[str, Any]) -> FieldError:
    """A list or an object, or a text that has rules of ours as well."""
    limit, kind = entry["ctx"]["max_length"], entry["ctx"]["field_type"]
    if kind == "Value":
        return FieldError(_path(entry["loc"]), f"It may have {limit} characters.")
    return FieldError(_path(entry["loc"]), f"It may have {limit} entries.", "too_many")


def _other(entry: dict[str, Any]) -> FieldError:
    """A rule of ours may name another field than the one that it was noticed at, and a code of its own."""
    context = entry.get("ctx", {})
    location = (*entry["loc"][:-1], context["field"]) if "field" in context else entry["loc"]
    message = str(entry["msg"]) if entry["type"] in _OURS else field_words.of(entry["type"], context)
    return FieldError(_path(location), _sentence(message), context.get("code", "invalid"))


def _sentence(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].upper() + message[1:]


def _path(location: tuple[int | str, ...]) -> str:
    """`("to", 1, "email")` -> `to[1].email`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path if len(path) <= LONGEST_PATH else f"{path[: LONGEST_PATH - 3]}..."
