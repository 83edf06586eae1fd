"""The filters that a template may use, all of them here: each takes time and memory in proportion to what it is given.

None of Jinja's own is used. Some of those make a text of any length out of a short one (`center`, `format`, `batch`),
some recurse into whatever they get (`tojson`, `pprint`), and some call what a template hands them (`map`).
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date as a_date
from datetime import datetime
from typing import Any
from urllib.parse import quote

from jinja2 import Undefined, pass_context
from markupsafe import Markup
from markupsafe import escape as escaped

from appliance.language import gettext
from appliance.mail.template_budget import LONGEST_TEXT, BudgetContext, TooMuchWork, kind_of, size_of, text_of
from appliance.mail.template_operators import compared, joined, number, scalar, within_range

_DIRECTIVE = re.compile(r"%(.|\Z)", re.DOTALL)
_DIRECTIVES = frozenset("aAbBdHIjmMpSyY%")
_SIGNS = {"eq": "eq equalto ==", "ne": "ne !=", "lt": "lt <", "lteq": "le <=", "gt": "gt >", "gteq": "ge >="}
_COMPARISONS = {word: name for name, words in _SIGNS.items() for word in words.split()} | {"in": "in"}
Filter = Callable[..., Any]


def charged(function: Filter) -> Filter:
    """Pays for what goes in before `function` runs, and for what comes out after it."""

    @pass_context
    @functools.wraps(function)
    def run(context: BudgetContext, value: Any = None, *arguments: Any, **named: Any) -> Any:
        context.budget.spend(1 + sum(size_of(one) for one in (value, *arguments, *named.values())))
        if isinstance(value, Undefined):
            str(value)  # raises, with its name
        made = function(value, *arguments, **named)
        context.budget.spend_on(made)
        return made

    return run


# texts


def replace(value: Any, old: str, new: str) -> str:
    text, old, new = text_of(value), text_of(old), text_of(new)
    if len(text) + text.count(old) * len(new) * 5 > LONGEST_TEXT:  # escaped, a character takes up to five
        raise TooMuchWork(gettext("a text grows beyond %(most)s characters", most=LONGEST_TEXT))
    return text.replace(old, new)


def truncate(value: Any, length: int = 255, end: str = "…") -> str:
    """At a space, if there is one; `end` is part of the length."""
    text = text_of(value)
    if len(text) <= number(length):
        return text
    cut = text[: max(0, length - len(end))]
    return (cut.rpartition(" ")[0] or cut).rstrip() + end


def nl2br(value: Any) -> str:
    return escaped(text_of(value)).replace("\n", Markup("<br>\n"))


def capitalize(value: Any) -> str:
    return text_of(value).capitalize()


def as_html(value: Any) -> str:
    return Markup(text_of(value))  # noqa: S704  # what `safe` is for: the author of the template vouches for it


# numbers and dates


def formatted_number(value: Any, decimals: int = 2, thousands: str = ",", point: str = ".") -> str:
    """`1234.5 | number(2, ".", ",")` is `1.234,50`."""
    if not 0 <= number(decimals) <= 10:
        raise ValueError(gettext("a number is shown with 0 to 10 decimals"))
    shown = f"{number(value):,.{int(decimals)}f}"
    return shown.replace(",", "\0").replace(".", text_of(point)).replace("\0", text_of(thousands))


def rounded(value: Any, decimals: int = 0) -> Any:
    if not 0 <= number(decimals) <= 10:
        raise ValueError(gettext("a number is rounded to 0 to 10 decimals"))
    return round(number(value), int(decimals)) if decimals else round(number(value))


def as_int(value: Any, default: int = 0) -> int:
    made = as_float(value, default)
    return int(made)


def as_float(value: Any, default: float = 0.0) -> Any:
    if isinstance(value, str) and len(value) > 50:
        return default
    try:
        return within_range(value if isinstance(value, int) else float(value))
    except (ValueError, TypeError):
        return default


def formatted_date(value: Any, form: str = "%Y-%m-%d") -> str:
    """strftime, with the directives that take no width: some C libraries pad to any."""
    if not isinstance(value, a_date):
        raise TypeError(gettext("%(kind)s is no date", kind=kind_of(value)))
    wrong = [one for one in _DIRECTIVE.findall(form) if one not in _DIRECTIVES]
    if wrong or len(form) > 100:
        raise ValueError(
            gettext(
                "a date is written with %(known)s, not with %(wrong)s",
                known="%Y %m %d %H %M %S %y %b %B %a %A %j %I %p",
                wrong=f"%{''.join(wrong)}",
            )
        )
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  # a day has no zone
    return str(value.strftime(form))


# lists and objects


def first(value: Any) -> Any:
    return next(iter(_items(value)), None)


def last(value: Any) -> Any:
    items = _items(value)
    return items[-1] if items else None


def length(value: Any) -> int:
    if isinstance(value, str | dict):
        return len(value)
    return len(_items(value))


@pass_context
def join(context: BudgetContext, value: Any, separator: str = "", attribute: str | None = None) -> str:
    items = _items(value)
    context.budget.spend_on(items)
    texts = [text_of(_part(one, attribute)) for one in items]
    return joined(context, texts, text_of(separator))


def mapped(value: Any, attribute: str) -> list[Any]:
    return [_part(one, attribute) for one in _items(value)]


@pass_context
def selected(
    context: BudgetContext, value: Any, attribute: str, test: str = "", wanted: Any = None, *, keep: bool = True
) -> list[Any]:
    """Those whose part is true, or passes `test` against `wanted`."""
    items = _items(value)
    context.budget.spend_on(items)
    if test and test not in _COMPARISONS:
        raise ValueError(
            gettext(
                "there is no comparison %(name)s; there are %(known)s", name=repr(test), known=", ".join(_COMPARISONS)
            )
        )

    def passes(one: Any) -> bool:
        part = _part(one, attribute)
        return compared(context, part, _COMPARISONS[test], wanted) if test else bool(part)

    return [one for one in items if passes(one) is keep]


def ordered(value: Any, reverse: bool = False, case_sensitive: bool = False, attribute: str | None = None) -> list[Any]:
    def key(one: Any) -> Any:
        part = scalar(_part(one, attribute))
        return part.lower() if isinstance(part, str) and not case_sensitive else part

    return sorted(_items(value), key=key, reverse=bool(reverse))


def ordered_object(value: Any, reverse: bool = False) -> list[tuple[Any, Any]]:
    return sorted(pairs(value), key=lambda pair: pair[0].lower(), reverse=bool(reverse))


def pairs(value: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, dict):
        raise TypeError(gettext("%(kind)s has no names to go through", kind=kind_of(value)))
    return list(value.items())


def unique(value: Any, attribute: str | None = None) -> list[Any]:
    found: dict[Any, Any] = {}
    for one in _items(value):
        found.setdefault(scalar(_part(one, attribute)), one)
    return list(found.values())


def total(value: Any, attribute: str | None = None) -> Any:
    return within_range(sum(number(_part(one, attribute)) for one in _items(value)))


def smallest(value: Any, attribute: str | None = None) -> Any:
    return min(_items(value), key=lambda one: scalar(_part(one, attribute)), default=None)


def largest(value: Any, attribute: str | None = None) -> Any:
    return max(_items(value), key=lambda one: scalar(_part(one, attribute)), default=None)


@pass_context
def default(context: BudgetContext, value: Any, instead: Any = "", boolean: bool = False) -> Any:
    """Also for null: an optional variable that was not given is null."""
    context.budget.spend(1)
    missing = isinstance(value, Undefined) or value is None
    return instead if missing or (boolean and not value) else value


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, Iterable) and not isinstance(value, Undefined) and hasattr(value, "__len__"):
        return list(value)
    raise TypeError(gettext("%(kind)s is no list", kind=kind_of(value)))


def _part(value: Any, attribute: str | None) -> Any:
    """`"price.net"` of an object; the value itself without a name."""
    if attribute is None:
        return value
    for name in text_of(attribute).split(".", 10):
        if not isinstance(value, dict) or name not in value:
            raise LookupError(gettext("%(kind)s has no %(name)s", kind=kind_of(value), name=repr(name)))
        value = value[name]
    return value


FILTERS: Mapping[str, Filter] = {
    "abs": charged(lambda value: abs(number(value))),
    "capitalize": charged(capitalize),
    "count": charged(length),
    "d": default,
    "date": charged(formatted_date),
    "default": default,
    "dictsort": charged(ordered_object),
    "e": charged(lambda value: escaped(text_of(value))),
    "escape": charged(lambda value: escaped(text_of(value))),
    "first": charged(first),
    "float": charged(as_float),
    "int": charged(as_int),
    "items": charged(pairs),
    "join": join,
    "last": charged(last),
    "length": charged(length),
    "list": charged(_items),
    "lower": charged(lambda value: text_of(value).lower()),
    "map": charged(mapped),
    "max": charged(largest),
    "min": charged(smallest),
    "nl2br": charged(nl2br),
    "number": charged(formatted_number),
    "rejectattr": pass_context(functools.partial(selected, keep=False)),
    "replace": charged(replace),
    "reverse": charged(lambda value: value[::-1] if isinstance(value, str) else _items(value)[::-1]),
    "round": charged(rounded),
    "safe": charged(as_html),
    "selectattr": selected,
    "sort": charged(ordered),
    "string": charged(text_of),
    "sum": charged(total),
    "title": charged(lambda value: text_of(value).title()),
    "trim": charged(lambda value: text_of(value).strip()),
    "truncate": charged(truncate),
    "unique": charged(unique),
    "upper": charged(lambda value: text_of(value).upper()),
    "urlencode": charged(lambda value: quote(text_of(value), safe="")),
}

TESTS: Mapping[str, Callable[..., bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "defined": lambda value: not isinstance(value, Undefined),
    "divisibleby": lambda value, divisor: bool(number(value) % number(divisor) == 0),
    "even": lambda value: bool(number(value) % 2 == 0),
    "iterable": lambda value: isinstance(value, str | list | tuple | dict | range),
    "mapping": lambda value: isinstance(value, dict),
    "none": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "odd": lambda value: bool(number(value) % 2 == 1),
    "sequence": lambda value: isinstance(value, str | list | tuple | range),
    "string": lambda value: isinstance(value, str),
    "undefined": lambda value: isinstance(value, Undefined),
}
