"""Reads large forms off the event loop, and none of very many fields: anybody may post one, signed in or not.

Forms that come in parts are bounded by werkzeug. Others it reads as they are, in one go, at 4 seconds for 10 MB.
"""

from flask import Flask, request
from werkzeug.exceptions import RequestEntityTooLarge

from appliance.web import flower_proxy
from appliance.web.context import web

LARGE = 64 * 1024  # bytes; less is read in some milliseconds
MOST_FIELDS = 1000  # as werkzeug has it for forms in parts
_MIMETYPE = "application/x-www-form-urlencoded"


def register(app: Flask) -> None:
    """Before whatever else looks at a form."""
    app.before_request(read)


def read() -> None:
    """Raises RequestEntityTooLarge. What is Flower's is left unread, to be passed on."""
    if (request.content_length or 0) < LARGE or request.mimetype != _MIMETYPE:
        return
    if request.path.startswith(f"{flower_proxy.PREFIX}/"):
        return
    if request.get_data(parse_form_data=False).count(b"&") >= MOST_FIELDS:
        raise RequestEntityTooLarge
    this = request._get_current_object()  # type: ignore[attr-defined]  # in the thread there is no "current" one
    web().run_native(lambda: this.form)
