"""A form that makes something is taken once: a double click, or a page that is sent again, makes no second one.

Where a service keeps idempotency keys, the token of the form is one. Elsewhere it is remembered here, in memory: a
press that comes after a restart was no double click.
"""

import secrets
from collections import OrderedDict
from http import HTTPStatus

from flask import Flask, Response, current_app, g, request

FIELD = "once"
LONGEST = 64
MOST_KEPT = 1000


def register(app: Flask) -> None:
    app.add_template_global(token, "once_token")
    app.after_request(_forget_what_made_nothing)


def begin(app: Flask) -> None:
    app.extensions["postroom_taken_forms"] = OrderedDict()


def token() -> str:
    return secrets.token_urlsafe(16)


def given() -> str:
    """The token of the form that came; empty for a form that has none."""
    return request.form.get(FIELD, "")[:LONGEST]


def is_first() -> bool:
    """Whether nothing was made from this form yet. Asked once, right before it is made: the next answer is no.

    Unless this request is answered by an error, which says that nothing was made: then the form can be sent again.
    """
    taken, mine = _taken(), given()
    if mine in taken:
        return False
    if mine:
        taken[mine] = None
        g.taken_form = mine
    while len(taken) > MOST_KEPT:
        taken.popitem(last=False)
    return True


def _forget_what_made_nothing(answer: Response) -> Response:
    if "taken_form" in g and answer.status_code >= HTTPStatus.BAD_REQUEST:
        _taken().pop(g.taken_form, None)
    return answer


def _taken() -> OrderedDict[str, None]:
    taken: OrderedDict[str, None] = current_app.extensions["postroom_taken_forms"]
    return taken
