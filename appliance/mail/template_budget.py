"""How much work one rendering may do. Everything that can grow in a template spends from it before it grows.

A template runs on the event loop, where nothing can stop it from outside. So it is stopped from inside, by a count that
is the same on a fast and on a slow machine, and it stands aside for the others each time it has done a little.
"""

import time
from collections.abc import Sized
from datetime import date
from typing import Any

from jinja2.runtime import Context

from appliance.language import gettext

WORK = 400_000  # units for one rendering of subject, HTML and text; about half a second of a slow core
ASIDE = 10_000  # units between two pauses: some ten milliseconds
CHARACTERS = 16  # as many cost one unit
LONGEST_TEXT = 1_000_000  # characters of one value
LARGEST_NUMBER = 10**18


class TooMuchWork(Exception):
    """The template goes round too often, or makes too long a text."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why or gettext("it does too much: it goes through too many things, or makes too much text"))


class Budget:
    def __init__(self, work: int = WORK) -> None:
        self._left = work
        self._pause_at = max(0, work - ASIDE)

    def spend(self, units: int) -> None:
        """Raises TooMuchWork. Other greenlets may run meanwhile."""
        self._left -= units
        if self._left < self._pause_at:
            self._pause()

    def require(self, units: int) -> None:
        """Raises TooMuchWork if so many are not left."""
        if units > self._left:
            raise TooMuchWork

    def spend_on(self, value: Any) -> None:
        self.spend(size_of(value))

    def _pause(self) -> None:
        if self._left < 0:
            raise TooMuchWork
        self._pause_at = max(0, self._left - ASIDE)
        time.sleep(0.00001)  # lets everybody else run; after 0 gevent would look at neither sockets nor timers


class BudgetContext(Context):
    """What a running template sees, and what it may spend."""

    budget: Budget


def size_of(value: Any) -> int:
    """In units, without looking inside."""
    if isinstance(value, str):
        return 1 + len(value) // CHARACTERS
    return 1 + (len(value) if isinstance(value, Sized) else 0)


def text_of(value: Any) -> str:
    """How a value reads in a mail. Raises TypeError for what has no one way to be read."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | date):
        return str(value)
    raise TypeError(
        gettext(
            "%(kind)s cannot be printed as it is: name a part of it, go through it, or join it", kind=kind_of(value)
        )
    )


def kind_of(value: Any) -> str:
    """For messages."""
    match value:
        case str():
            return gettext("a text")
        case bool():
            return gettext("true or false")
        case int() | float():
            return gettext("a number")
        case dict():
            return gettext("an object")
        case list() | tuple() | range():
            return gettext("a list")
        case date():
            return gettext("a date")
    return gettext("nothing (null)") if value is None else gettext("this")
