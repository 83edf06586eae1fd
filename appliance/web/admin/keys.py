"""/keys: the API keys of programs."""

import json
import shlex
from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from wtforms import SelectMultipleField, StringField
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from appliance.db.queries import access
from appliance.errors import InvalidInput
from appliance.services.api_keys import SCOPES, NewApiKey
from appliance.web.admin.form import Form
from appliance.web.admin.notices import notice
from appliance.web.context import web

blueprint = Blueprint("keys", __name__, url_prefix="/keys")


class ApiKeyForm(Form):
    name = StringField("Name", [InputRequired("Give a name.")], description="Which program uses it, such as “shop”.")
    scopes = SelectMultipleField(
        "It may",
        choices=list(SCOPES),
        default=["send", "read"],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )


@blueprint.get("")
def index() -> str:
    return _page(ApiKeyForm())


@blueprint.post("")
def create() -> Any:
    """The secret is shown in this answer and never again, so there is no redirect to lose it on."""
    form = ApiKeyForm()
    try:
        if not form.validate():
            return _page(form), HTTPStatus.UNPROCESSABLE_ENTITY
        made = web().services.api_keys.create(form.name.data, form.scopes.data or [])
    except InvalidInput as error:
        form.blame(error)
        return _page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    return render_template("key_created.html", made=made, form=form, command=_curl(made)), HTTPStatus.CREATED


@blueprint.post("/<key_id>/revoke")
def revoke(key_id: str) -> Any:
    web().services.api_keys.revoke(key_id)
    notice("key_revoked")
    return redirect(url_for(".index"))


def _page(form: ApiKeyForm) -> str:
    with web().read() as session:
        keys = access.api_keys(session)
    return render_template("keys.html", form=form, keys=list(reversed(keys)), now=web().clock())


def _curl(made: NewApiKey) -> str:
    """A command that can be pasted into a shell as it is."""
    base = web().settings.appliance.public_url.rstrip("/") or request.host_url.rstrip("/")
    body = {"to": ["you@example.com"], "subject": "Hello", "text": "It works."}
    arguments = [
        f"curl {shlex.quote(f'{base}/api/v1/messages')}",
        f"-H {shlex.quote(f'Authorization: Bearer {made.secret}')}",
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(json.dumps(body))}",
    ]
    return " \\\n  ".join(arguments)
