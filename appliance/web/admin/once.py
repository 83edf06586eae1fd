"""A form that makes something is taken once: a double click, or a page that is sent again, makes no second one.

Where a service keeps idempotency keys, the token of the form is one. Elsewhere it is remembered here, in memory: a
press that comes after a restart was no double click.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from http import HTTPStatus

from flask import Flask, Response, current_app, g, request

from appliance.web.admin.turns import Turns

FIELD = "once"
LONGEST = 64
MOST_KEPT = 1000


@dataclass(slots=True)
class _Forms:
    """By their tokens. `taken`: those of which something was made; while it is being made, it is their turn."""

    turns: Turns = field(default_factory=Turns)
    taken: OrderedDict[str, None] = field(default_factory=OrderedDict)


def register(app: Flask) -> None:
    app.add_template_global(token, "once_token")
    app.after_request(_note_what_made_nothing)
    app.teardown_request(_end)


def begin(app: Flask) -> None:
    app.extensions["postroom_forms"] = _Forms()


def token() -> str:
    return secrets.token_urlsafe(16)


def given() -> str:
    """The token of the form that came; empty for a form that has none."""
    return request.form.get(FIELD, "")[:LONGEST]


def is_first() -> bool:
    """Whether nothing was made from this form yet. Asked once, right before it is made: the next answer is no.

    Unless this request is answered by an error, which says that nothing was made: then the form can be sent again. So
    a press that comes meanwhile waits for this request to end, and makes it if this one did not.
    """
    forms, mine = _forms(), given()
    if not mine:
        return True
    if "form_under_way" in g:
        return False
    forms.turns.begin(mine)
    if mine in forms.taken:
        forms.turns.end(mine)
        return False
    g.form_under_way = mine
    return True


def _note_what_made_nothing(answer: Response) -> Response:
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        g.made_nothing = True
    return answer


def _end(trouble: BaseException | None) -> None:
    """However the request ended, also where there is no answer: whoever waits for it goes on."""
    if "form_under_way" not in g:
        return
    forms, mine = _forms(), g.pop("form_under_way")
    if trouble is None and "made_nothing" not in g:
        forms.taken[mine] = None
    while len(forms.taken) > MOST_KEPT:
        forms.taken.popitem(last=False)
    forms.turns.end(mine)


def _forms() -> _Forms:
    forms: _Forms = current_app.extensions["postroom_forms"]
    return forms
