"""A form after which this browser goes on under a new session token, taken once.

Sent twice, the browser drops the first answer, and the new token with it, while the old one opens nothing any more. So
for a minute whoever shows both the old token and that of the form is given the same new one.
"""

from collections import OrderedDict
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Flask, current_app

from appliance.web.admin import once
from appliance.web.admin.turns import Turns
from appliance.web.context import web

KEPT_FOR = timedelta(minutes=1)
MOST_KEPT = 100


@dataclass(frozen=True, slots=True)
class Renewal:
    """`shown`: what the answer showed, once."""

    token: str
    shown: tuple[str, ...]
    at: datetime


@dataclass(slots=True)
class Renewals:
    """In memory: a press that comes after a restart was no double click. `turns`: the second waits for the first."""

    turns: Turns = field(default_factory=Turns)
    by_form: OrderedDict[tuple[str, str], Renewal] = field(default_factory=OrderedDict)


def begin(app: Flask) -> None:
    app.extensions["postroom_renewals"] = Renewals()


def one_at_a_time(user_id: str) -> AbstractContextManager[None]:
    """Of that user: a password takes a moment to be looked at, and that keeps nobody else waiting."""
    return _all().turns.of(user_id)


def note(old: str, new: str, shown: tuple[str, ...]) -> None:
    _forget_old()
    kept = _all().by_form
    kept[(once.given(), old)] = Renewal(new, shown, web().clock())
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)


def of_this_form(old: str) -> Renewal | None:
    """What this form brought when it came before."""
    _forget_old()
    return _all().by_form.get((once.given(), old)) if once.given() else None


def _forget_old() -> None:
    """They hold what is shown once, such as recovery codes."""
    kept, now = _all().by_form, web().clock()
    for key in [key for key, one in kept.items() if now - one.at >= KEPT_FOR]:
        kept.pop(key, None)


def _all() -> Renewals:
    renewals: Renewals = current_app.extensions["postroom_renewals"]
    return renewals
