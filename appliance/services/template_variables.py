"""The variables that a template declares, and the values that a message brings for them."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from appliance.errors import FieldError, InvalidInput
from appliance.language import gettext
from appliance.services import intake

MOST_VARIABLES = 200
LONGEST_NAME = 64
LONGEST_DESCRIPTION = 500

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_TAKEN = frozenset(
    {"and", "else", "false", "False", "if", "in", "is", "loop", "namespace", "none", "None", "not", "or", "range"}
    | {"self", "true", "True"}
)


class VariableType(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    LIST = "list"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Variable:
    """`default` and `example` are JSON values, None where there is none."""

    name: str
    type: str = VariableType.STRING
    required: bool = True
    default: Any = None
    example: Any = None
    description: str = ""


def check(variables: Sequence[Variable]) -> list[FieldError]:
    """Every wrong declaration, as `variables[2].name`."""
    errors = [FieldError("variables", gettext("There may be %(most)s.", most=MOST_VARIABLES), "too_many")] * (
        len(variables) > MOST_VARIABLES
    )
    names: set[str] = set()
    for index, variable in enumerate(variables[:MOST_VARIABLES]):
        for field, message in _declaration_errors(variable, names):
            errors.append(FieldError(f"variables[{index}].{field}", message))
        names.add(variable.name)
    return errors


def values_for(variables: Iterable[Variable], given: Mapping[str, Any], most_bytes: int) -> dict[str, Any]:
    """What the template gets: dates as dates, defaults filled in, null for an optional one that was left out.

    Raises:
        InvalidInput: names `variables.NAME` for each that is missing, of another type, or not declared.
    """
    _require_small(given, most_bytes)
    declared = {variable.name: variable for variable in variables}
    errors = [_undeclared(name, declared) for name in given if name not in declared]
    values: dict[str, Any] = {}
    for variable in declared.values():
        try:
            values[variable.name] = _value(variable, given)
        except _Missing:
            errors.append(FieldError(f"variables.{variable.name}", _missing(variable), "required"))
        except ValueError as error:
            errors.append(FieldError(f"variables.{variable.name}", sentence(str(error))))
    if errors:
        raise InvalidInput(errors)
    return values


def examples_of(variables: Iterable[Variable]) -> dict[str, Any]:
    """Something to show a template with: the example, else the default, else any value of the type."""
    return {one.name: _sample(one) for one in variables}


class _Missing(ValueError):
    pass


def _declaration_errors(variable: Variable, names: set[str]) -> Iterator[tuple[str, str]]:
    if not _NAME.match(variable.name) or len(variable.name) > LONGEST_NAME:
        yield (
            "name",
            gettext("Use letters, digits and '_', a letter first, %(most)s characters at most.", most=LONGEST_NAME),
        )
    elif variable.name in _TAKEN:
        yield (
            "name",
            gettext("%(name)s means something else in a template; choose another name.", name=repr(variable.name)),
        )
    elif variable.name in names:
        yield "name", gettext("%(name)s is declared twice.", name=repr(variable.name))
    if variable.type not in tuple(VariableType):
        yield "type", gettext("Choose one of %(known)s.", known=", ".join(VariableType))
        return
    if len(variable.description) > LONGEST_DESCRIPTION:
        yield "description", gettext("It may have %(most)s characters.", most=LONGEST_DESCRIPTION)
    for field in ("default", "example"):
        value = getattr(variable, field)
        try:
            if value is not None:
                _typed(variable.type, value)
                _require_json(value)
        except ValueError as error:
            yield field, sentence(str(error))


def _value(variable: Variable, given: Mapping[str, Any]) -> Any:
    value = given.get(variable.name)
    if value is None:
        if variable.required and variable.default is None:
            raise _Missing
        value = variable.default
    return None if value is None else _typed(variable.type, value)


def _typed(kind: str, value: Any) -> Any:
    """Raises ValueError with what would be right."""
    return _CHECKS[VariableType(kind)](value)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(gettext("expected a text, got %(value)s", value=_shown(value)))
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(gettext("expected a whole number, got %(value)s", value=_shown(value)))
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(gettext("expected a number, got %(value)s", value=_shown(value)))
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(gettext("expected true or false, got %(value)s", value=_shown(value)))
    return value


def _date(value: Any) -> date:
    remedy = gettext("expected a date such as 2026-11-24 or 2026-11-24T08:00:00Z, got %(value)s", value=_shown(value))
    if not isinstance(value, str):
        raise ValueError(remedy)
    try:
        return date.fromisoformat(value) if _DAY.match(value) else intake.instant(value)
    except ValueError as error:
        raise ValueError(remedy) from error


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(gettext("expected a list, got %(value)s", value=_shown(value)))
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(gettext("expected an object, got %(value)s", value=_shown(value)))
    return value


_CHECKS: Mapping[VariableType, Callable[[Any], Any]] = {
    VariableType.STRING: _string,
    VariableType.INTEGER: _integer,
    VariableType.NUMBER: _number,
    VariableType.BOOLEAN: _boolean,
    VariableType.DATE: _date,
    VariableType.LIST: _list,
    VariableType.OBJECT: _object,
}
_SAMPLES: Mapping[str, Any] = {
    VariableType.INTEGER: 1,
    VariableType.NUMBER: 1.5,
    VariableType.BOOLEAN: True,
    VariableType.DATE: "2026-11-24",
    VariableType.LIST: [],
    VariableType.OBJECT: {},
}


def _sample(variable: Variable) -> Any:
    for value in (variable.example, variable.default):
        if value is not None:
            return value
    return _SAMPLES.get(variable.type, variable.name)


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return gettext("a list") if isinstance(value, list) else gettext("an object")
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _require_small(given: Mapping[str, Any], most_bytes: int) -> None:
    try:
        size = _require_json(given)
    except ValueError as error:
        raise InvalidInput([FieldError("variables", sentence(str(error)))]) from error
    if size > most_bytes:
        remedy = gettext(
            "They take %(size)s bytes as JSON; the limit is %(most)s ([limits] template_variables_kb).",
            size=size,
            most=most_bytes,
        )
        raise InvalidInput([FieldError("variables", remedy, "too_large")])


def _require_json(value: Any) -> int:
    """Its size in bytes. Raises ValueError for what cannot be stored or sent."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise ValueError(gettext("there are characters that are no text (a lone surrogate)")) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(gettext("there is a number that is too large for JSON readers, or too many levels")) from error
    if "\\u0000" in text.replace("\\\\", ""):
        raise ValueError(gettext("there is a NUL character"))
    return size


def _undeclared(name: str, declared: Mapping[str, Variable]) -> FieldError:
    if declared:
        known = ", ".join(sorted(declared)[:20])
        message = gettext("The template declares no such variable. It declares %(known)s.", known=known)
    else:
        message = gettext("The template declares no such variable. It declares none.")
    return FieldError(f"variables.{name[:LONGEST_NAME]}", message, "unknown_field")


def _missing(variable: Variable) -> str:
    about = f" {variable.description}" if variable.description else ""
    return gettext("The template needs it: a value of the type %(type)s.", type=variable.type) + about


def sentence(fault: str) -> str:
    """A fault, which is written without a capital and a full stop, as a sentence of its own."""
    return gettext("%(fault)s.", fault=fault[:1].upper() + fault[1:])
