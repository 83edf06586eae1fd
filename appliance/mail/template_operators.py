"""What operators do in a template: numbers are counted with, texts and lists are put together, within the budget."""

import math
import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from jinja2 import Undefined, pass_context
from markupsafe import Markup, escape

from appliance.language import gettext
from appliance.mail.template_budget import (
    LARGEST_NUMBER,
    LONGEST_TEXT,
    Budget,
    BudgetContext,
    TooMuchWork,
    kind_of,
    text_of,
)

MOST_IN_RANGE = 100_000

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_ORDER: Mapping[str, Callable[[Any, Any], Any]] = {
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}
_CONTAINERS = (dict, list, tuple, range)


def calculate(context: BudgetContext, sign: str, left: Any, right: Any) -> Any:
    """Raises TypeError unless both are numbers, or both texts or lists to be added."""
    if sign == "+" and isinstance(left, str) and isinstance(right, str):
        return concatenated(context, [left, right])
    if sign == "+" and isinstance(left, list) and isinstance(right, list):
        context.budget.spend(len(left) + len(right))
        return left + right
    return within_range(_ARITHMETIC[sign](number(left), number(right)))


def number(value: Any) -> Any:
    if isinstance(value, Undefined):
        str(value)  # raises, with its name
    if not isinstance(value, int | float):
        raise TypeError(gettext("%(kind)s is no number to count with", kind=kind_of(value)))
    return within_range(value)


def within_range(value: Any) -> Any:
    """Python's integers grow until the memory is full; those of a template do not."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(gettext("a number grows beyond all bounds"))
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise ValueError(gettext("a number grows beyond %(most)s", most=f"{LARGEST_NUMBER:.0e}"))
    return value


@pass_context
def concatenated(context: BudgetContext, parts: Iterable[Any]) -> str:
    """`a ~ b`: what is not marked as HTML is escaped if anything else is."""
    texts = [str(part) if isinstance(part, Undefined) else text_of(part) for part in parts]
    return joined(context, texts, "")


def joined(context: BudgetContext, texts: list[str], separator: str) -> str:
    length = sum(map(len, texts)) + len(separator) * len(texts)
    if length > LONGEST_TEXT:
        raise TooMuchWork(gettext("a text grows beyond %(most)s characters", most=LONGEST_TEXT))
    is_html = any(isinstance(text, Markup) for text in (*texts, separator))
    made = escape(separator).join(texts) if is_html else separator.join(texts)
    context.budget.spend_on(made)
    return made


@pass_context
def compared(context: BudgetContext, left: Any, sign: str, right: Any) -> bool:
    for value in (left, right):
        if isinstance(value, Undefined):
            str(value)  # raises, with its name
    context.budget.spend(min(_length(left), _length(right)) // 16 + 1)
    if sign in ("in", "notin"):
        return _contains(context, right, left) is (sign == "in")
    if sign in ("eq", "ne"):
        return _equal(left, right) is (sign == "eq")
    return bool(_ORDER[sign](scalar(left), scalar(right)))


def scalar(value: Any) -> Any:
    """What can be compared at once, whatever it is. Raises TypeError."""
    if isinstance(value, _CONTAINERS) or (value is not None and not _is_plain(value)):
        raise TypeError(gettext("%(kind)s cannot be compared: compare a part of it", kind=kind_of(value)))
    return value


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) or hasattr(value, "isoformat")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else 0


def _equal(left: Any, right: Any) -> bool:
    """Two lists that hold each other many times over would take for ever, so only their being empty is compared."""
    if isinstance(left, _CONTAINERS) and isinstance(right, _CONTAINERS):
        if len(left) and len(right):
            raise TypeError(gettext("two lists or objects cannot be compared: compare their parts"))
        return len(left) == len(right)
    return bool(left == right)


def _contains(context: BudgetContext, container: Any, wanted: Any) -> bool:
    scalar(wanted)
    if isinstance(container, dict):
        return wanted in container
    if isinstance(container, str):
        context.budget.spend_on(container)
        return text_of(wanted) in container
    if isinstance(container, _CONTAINERS):
        context.budget.spend_on(container)
        return any(not isinstance(one, _CONTAINERS) and one == wanted for one in container)
    raise TypeError(gettext("%(kind)s has nothing in it to look for", kind=kind_of(container)))


@pass_context
def sliced(context: BudgetContext, value: Any, start: Any, stop: Any, step: Any) -> Any:
    if not isinstance(value, str | list | tuple | range):
        raise TypeError(gettext("%(kind)s has no part from one place to another", kind=kind_of(value)))
    made = value[start:stop:step]
    context.budget.spend_on(made)
    return made


@pass_context
def looped(context: BudgetContext, items: Any, weight: int) -> Any:
    """Pays for each round of a loop; when all of them would be too much, there is not even the first."""
    if isinstance(items, Undefined):
        str(items)  # raises, with its name
    if items is None:
        return ()
    if not hasattr(items, "__len__") or not hasattr(items, "__iter__"):
        raise TypeError(gettext("%(kind)s cannot be gone through", kind=kind_of(items)))
    context.budget.require(len(items) * weight)
    return _Rounds(items, weight, context.budget)


class _Rounds:
    def __init__(self, items: Collection[Any], weight: int, budget: Budget) -> None:
        self._items = items
        self._weight = weight
        self._budget = budget

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            self._budget.spend(self._weight)
            yield item


def bounded_range(*bounds: int) -> range:
    made = range(*(number(bound) for bound in bounds))
    if len(made) > MOST_IN_RANGE:
        raise TooMuchWork(gettext("a range has more than %(most)s numbers", most=MOST_IN_RANGE))
    return made
