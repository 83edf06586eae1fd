"""What a person types into the form of a message, read: addresses, moments, and the values of a template's variables.

Each reader raises ValueError with words for whoever typed it.
"""

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from appliance.db.models.message import Priority
from appliance.services import intake
from appliance.services.intake import Address
from appliance.services.template_variables import Variable, VariableType

_ADDRESSES = re.compile(r'(?:[^,;\n"]+|"[^"]*"|")+')  # a comma inside "Smith, Ann" is part of one
_TAGS = re.compile(r"[^,]+")
YES, NO = "true", "false"


def addresses(text: str) -> tuple[Address, ...]:
    """Apart by commas, semicolons or lines."""
    return tuple(address(part) for part in _pieces(_ADDRESSES, text))


def address(text: str) -> Address:
    try:
        return intake.address(text.strip())
    except ValueError as error:
        example = "ann@example.com"
        raise ValueError(
            _("“%(text)s” is no address. Write %(example)s, or Ann <%(example)s>.", text=text[:80], example=example)
        ) from error


def written_address(address: Address) -> str:
    """As `addresses` reads it."""
    name = address.name.replace("\\", "").replace('"', "")
    return f'"{name}" <{address.email}>' if name else address.email


def tags(text: str) -> tuple[str, ...]:
    """Apart by commas."""
    found = tuple(dict.fromkeys(_pieces(_TAGS, text)))
    try:
        return tuple(intake.tag(one) for one in found)
    except ValueError as error:
        raise ValueError(_("A tag has 1 to %(most)s printable characters.", most=intake.LONGEST_TAG)) from error


def priority(text: str) -> Priority:
    try:
        return Priority[text.upper() or "NORMAL"]
    except KeyError as error:
        raise ValueError(_("Choose a priority from the list.")) from error


def moment(text: str, zone: ZoneInfo) -> datetime | None:
    """`2026-11-24T08:00`, in the zone of the appliance."""
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(ZoneInfo("UTC"))
    except (ValueError, OverflowError) as error:
        raise ValueError(_("Give a date and a time such as 2026-11-24T08:00.")) from error


def value(variable: Variable, text: str) -> Any:
    """What a template gets for it; None where nothing was typed."""
    if not text.strip() and variable.type != VariableType.STRING:
        text = ""
    if text == "":
        if variable.required and variable.default is None:
            raise ValueError(_("The template needs this."))
        return None
    return _READERS.get(VariableType(variable.type), str)(text)


def written(given: Any) -> str:
    """A value as it stands in the form."""
    if given is None:
        return ""
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def _pieces(piece: re.Pattern[str], text: str) -> Iterator[str]:
    return (part.strip() for part in piece.findall(text) if part.strip())


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(_("Give a whole number.")) from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(_("Give a number.")) from error


def _boolean(text: str) -> bool:
    if text not in (YES, NO):
        raise ValueError(_("Choose yes or no."))
    return text == YES


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        pass
    try:
        return intake.instant(text.strip()).isoformat()
    except ValueError as error:
        raise ValueError(_("Give a date such as 2026-11-24.")) from error


def _json(kind: type, remedy: str, text: str) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(remedy) from error
    if not isinstance(found, kind):
        raise ValueError(remedy)
    return found


def _list(text: str) -> Any:
    return _json(list, _('Write a JSON list, such as ["one", "two"].'), text)


def _object(text: str) -> Any:
    return _json(dict, _('Write a JSON object, such as {"name": "Ann"}.'), text)


_READERS = {
    VariableType.INTEGER: _integer,
    VariableType.NUMBER: _number,
    VariableType.BOOLEAN: _boolean,
    VariableType.DATE: _date,
    VariableType.LIST: _list,
    VariableType.OBJECT: _object,
}
