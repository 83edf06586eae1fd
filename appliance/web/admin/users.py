"""/users: who may come in, and with which role. For administrators."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask_babel import lazy_gettext as _
from flask_login import current_user
from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import InputRequired

from appliance.db.models import User
from appliance.db.queries import access
from appliance.errors import Conflict, FieldError, InvalidInput, NotFound, WrongState
from appliance.services import passwords
from appliance.services.permission import Role
from appliance.web.admin import once
from appliance.web.admin.form import Form
from appliance.web.admin.notices import notice
from appliance.web.context import web

blueprint = Blueprint("users", __name__, url_prefix="/users")


_MADE_ALREADY = _(
    "This form has added its user already. If you have not seen the password, open the user and reset it; to add "
    "another one, press the button once more."
)


class NewUserForm(Form):
    name = StringField(_("Name"), [InputRequired(_("Give a name."))], description=_("What the person signs in with."))
    role = SelectField(_("Role"), choices=list(Role), default=Role.OPERATOR)
    password = PasswordField(
        _("Password"), description=_("Empty: one is made and shown once. Either way the person chooses another one.")
    )


class RoleForm(Form):
    role = SelectField(_("Role"), choices=list(Role))


@blueprint.get("")
def index() -> str:
    with web().read() as session:
        found, sessions = access.users(session), access.sessions_by_user(session)
    return render_template("users.html", users=found, sessions=sessions)


@blueprint.get("/new")
def new() -> str:
    return render_template("user_form.html", form=NewUserForm())


@blueprint.post("/new")
def create() -> Any:
    """A generated password is shown in this answer and never again, so there is no redirect to lose it on."""
    form = NewUserForm()
    given = form.password.data or ""
    password = given or passwords.generated()
    try:
        if not form.validate():
            return _again(form)
        if not once.is_first():
            form.form_errors.append(_MADE_ALREADY)
            return _again(form, HTTPStatus.CONFLICT)
        user_id = web().services.users.create(form.name.data, password, form.role.data, must_change_password=True)
    except InvalidInput as error:
        form.blame(error)
        return _again(form)
    except Conflict as error:
        form.blame(InvalidInput([FieldError("name", str(error))]))
        return _again(form)
    if not given:
        return _password_page(_user(user_id), password), HTTPStatus.CREATED
    notice("user_created", name=form.name.data)
    return redirect(url_for(".show", user_id=user_id))


@blueprint.get("/<user_id>")
def show(user_id: str) -> str:
    user = _user(user_id)
    with web().read() as session:
        sessions = access.sessions_of(session, user_id)
        is_last = access.administrators(session) == {user_id}
    return render_template(
        "user.html",
        user=user,
        sessions=sessions,
        form=RoleForm(role=user.role),
        is_me=user.id == current_user.id,
        is_last=is_last,
    )


@blueprint.post("/<user_id>/role")
def set_role(user_id: str) -> Any:
    role = RoleForm().role.data or ""
    return _do(lambda: web().services.user_changes.set_role(user_id, role), "user_role_changed", user_id)


@blueprint.post("/<user_id>/disable")
def disable(user_id: str) -> Any:
    return _do(lambda: web().services.user_changes.disable(user_id), "user_disabled", user_id)


@blueprint.post("/<user_id>/enable")
def enable(user_id: str) -> Any:
    return _do(lambda: web().services.user_changes.enable(user_id), "user_enabled", user_id)


@blueprint.post("/<user_id>/password")
def reset_password(user_id: str) -> Any:
    """Shown in this answer and never again."""
    user = _user(user_id)
    password = web().services.user_changes.reset_password(user_id)
    return _password_page(user, password)


@blueprint.post("/<user_id>/second-factor")
def remove_second_factor(user_id: str) -> Any:
    change = web().services.user_changes.remove_second_factor
    return _do(lambda: change(user_id), "user_second_factor_removed", user_id)


@blueprint.post("/<user_id>/sign-out")
def sign_out(user_id: str) -> Any:
    return _do(lambda: web().services.user_changes.sign_out(user_id), "user_signed_out", user_id)


@blueprint.post("/<user_id>/remove")
def remove(user_id: str) -> Any:
    return _do(lambda: web().services.user_changes.remove(user_id), "user_removed", None, back_to=user_id)


def _do(change: Any, key: str, user_id: str | None, *, back_to: str | None = None) -> Any:
    """What is refused says why, on the page of that user; one who is gone leads to the list."""
    try:
        change()
        notice(key)
    except (WrongState, InvalidInput) as error:
        notice("wrong_state", reason=error.errors[0].message if isinstance(error, InvalidInput) else str(error))
        user_id = user_id or back_to
    return redirect(url_for(".show", user_id=user_id) if user_id else url_for(".index"))


def _password_page(user: User, password: str) -> str:
    return render_template("user_password.html", user=user, password=password)


def _again(form: NewUserForm, status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY) -> Any:
    return render_template("user_form.html", form=form), status


def _user(user_id: str) -> User:
    with web().read() as session:
        user = access.user(session, user_id)
    if user is None:
        raise NotFound("user", user_id)
    return user
