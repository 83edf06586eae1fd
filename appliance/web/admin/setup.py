"""/setup: the one-time link by which the first user comes in."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired

from appliance.errors import Conflict, InvalidInput
from appliance.services.setup import TokenState
from appliance.services.users import SHORTEST_PASSWORD
from appliance.web.admin import identity
from appliance.web.admin.form import Form
from appliance.web.admin.notices import notice
from appliance.web.context import web

blueprint = Blueprint("setup", __name__)


class FirstUserForm(Form):
    token = HiddenField()
    name = StringField(_("Name"), [InputRequired(_("Give the name that you will sign in with."))])
    password = PasswordField(
        _("Password"),
        [InputRequired(_("Give a password."))],
        description=_(
            "At least %(least)s characters. A few words that belong together only for you do well.",
            least=SHORTEST_PASSWORD,
        ),
    )
    repeated = PasswordField(
        _("Password again"), [EqualTo("password", _("The two passwords differ; give the same one twice."))]
    )


@blueprint.get("/setup")
def show() -> Any:
    token = request.args.get("token", "")
    state = web().services.setup.check(token)
    if state is not TokenState.GOOD:
        return _refuse(state, token)
    return render_template("setup.html", form=FirstUserForm(token=token))


@blueprint.post("/setup")
def submit() -> Any:
    form = FirstUserForm()
    token = form.token.data or ""
    if not form.validate():
        return _again(form)
    try:
        made = web().services.setup.create_first_user(token, form.name.data, form.password.data)
    except InvalidInput as error:
        form.blame(error)
        return _again(form)
    except Conflict:
        return _refuse(TokenState.DONE, token)
    if isinstance(made, TokenState):
        return _refuse(made, token)
    identity.begin(made)
    notice("welcome")
    return redirect(url_for("admin.wizard.place"))


def _again(form: FirstUserForm) -> Any:
    return render_template("setup.html", form=form), HTTPStatus.UNPROCESSABLE_ENTITY


def _refuse(state: TokenState, token: str) -> Any:
    if state is TokenState.DONE:
        return redirect(url_for("sign_in.show"))
    status = HTTPStatus.FORBIDDEN if token else HTTPStatus.OK
    return render_template("setup_pending.html", state=state, given=bool(token)), status
