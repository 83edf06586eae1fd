"""/profile: what is a person's own: password, second factor, sessions."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import segno
from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _
from flask_login import current_user
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired

from appliance.db.queries import access
from appliance.errors import FieldError, InvalidInput, WrongState
from appliance.language import gettext
from appliance.services.known_keys import network_of
from appliance.services.second_factor import SecondFactor
from appliance.services.sign_in_throttle import SignInThrottle
from appliance.services.users import LONGEST_PASSWORD, SHORTEST_PASSWORD
from appliance.web.admin import device, identity, renewal
from appliance.web.admin.form import Form
from appliance.web.admin.notices import notice
from appliance.web.admin.rights import for_everybody
from appliance.web.context import web

blueprint = Blueprint("profile", __name__, url_prefix="/profile")

MODULE_PIXELS = 5  # of the picture for the app


class PasswordForm(Form):
    current = PasswordField(_("Current password"), [InputRequired(_("Give your current password."))])
    new = PasswordField(
        _("New password"),
        [InputRequired(_("Give a new password."))],
        description=_(
            "At least %(least)s characters. A few words that belong together only for you do well.",
            least=SHORTEST_PASSWORD,
        ),
    )
    repeated = PasswordField(
        _("New password again"), [EqualTo("new", _("The two passwords differ; give the same one twice."))]
    )


class CodeForm(Form):
    current = PasswordField(_("Current password"), [InputRequired(_("Give your current password."))])
    code = StringField(_("Code"), [InputRequired(_("Give the code that the app shows."))])


@blueprint.get("")
def show() -> str:
    return _page()


@blueprint.get("/password")
def password() -> str:
    return _password_page(PasswordForm())


@blueprint.post("/password")
@for_everybody
def change_password() -> Any:
    form = PasswordForm()
    with renewal.one_at_a_time(current_user.id):
        if identity.renewed_before() is None:
            try:
                if not form.validate():
                    return _password_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
                _change_password(form)
            except InvalidInput as error:
                form.blame(error)
                return _password_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    notice("password_changed")
    return redirect(url_for(".show"))


@blueprint.get("/second-factor")
def second_factor() -> Any:
    if _user().has_second_factor:
        return redirect(url_for(".show"))
    return _second_factor_page(CodeForm())


@blueprint.post("/second-factor")
@for_everybody
def confirm_second_factor() -> Any:
    """The recovery codes are shown in this answer and never again, but to who sends the same form twice."""
    form = CodeForm()
    with renewal.one_at_a_time(current_user.id):
        before = identity.renewed_before()
        if before is not None:
            return _codes_page(before.shown)
        try:
            if not form.validate():
                return _second_factor_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
            _prove_password()  # else whoever finds an open browser could shut its owner out
            codes = web().services.second_factor.confirm(current_user.id, form.code.data)
        except InvalidInput as error:
            form.blame(error)
            return _second_factor_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
        except WrongState as error:
            notice("wrong_state", reason=str(error))
            return redirect(url_for(".show"))
        identity.renew(codes)
    return _codes_page(codes)


@blueprint.post("/second-factor/remove")
@for_everybody
def remove_second_factor() -> Any:
    with renewal.one_at_a_time(current_user.id):
        if identity.renewed_before() is None:
            try:
                _prove_password()
            except InvalidInput as error:
                return _page(refused="remove", reason=error.errors[0].message), HTTPStatus.UNPROCESSABLE_ENTITY
            web().services.second_factor.remove(current_user.id)
            identity.renew()
    notice("second_factor_removed")
    return redirect(url_for(".show"))


@blueprint.post("/recovery-codes")
@for_everybody
def new_codes() -> Any:
    try:
        _prove_password()
        codes = web().services.second_factor.new_codes(current_user.id)
    except InvalidInput as error:
        return _page(refused="codes", reason=error.errors[0].message), HTTPStatus.UNPROCESSABLE_ENTITY
    except WrongState as error:
        notice("wrong_state", reason=str(error))
        return redirect(url_for(".show"))
    return render_template("recovery_codes.html", codes=codes, is_new=False)


@blueprint.post("/sessions/<session_id>/end")
@for_everybody
def end_session(session_id: str) -> Any:
    web().services.sessions.end(current_user.id, session_id)
    notice("session_ended")
    return redirect(url_for(".show"))


@blueprint.post("/sessions/end-others")
@for_everybody
def end_other_sessions() -> Any:
    web().services.sessions.end_others(current_user.id, current_user.presence.session_id)
    notice("other_sessions_ended")
    return redirect(url_for(".show"))


@blueprint.post("/sessions/end-all")
@for_everybody
def end_all_sessions() -> Any:
    web().services.sessions.end_all(current_user.id)
    identity.end()
    return redirect(url_for("sign_in.show"))


def _page(**facts: Any) -> str:
    user = _user()
    with web().read() as session:
        sessions = access.sessions_of(session, user.id)
        codes_left = access.recovery_codes_left(session, user.id)
    return render_template(
        "profile.html",
        user=user,
        sessions=sessions,
        devices={one.id: device.described(one.device) for one in sessions},
        here=current_user.presence.session_id,
        codes_left=codes_left,
        **facts,
    )


def _change_password(form: PasswordForm) -> None:
    """Raises InvalidInput."""
    _slow_down_guessing()
    web().services.own_password.change(
        current_user.id,
        form.current.data[:LONGEST_PASSWORD],
        form.new.data,
        session_id=current_user.presence.session_id,
    )
    _throttle().accepted(_network(), current_user.name, current_user.id)
    identity.renew()


def _password_page(form: PasswordForm) -> str:
    return render_template("password.html", form=form, forced=current_user.presence.must_change_password)


def _second_factor_page(form: CodeForm) -> str:
    secret = web().services.second_factor.offer(current_user.id)
    picture = segno.make(SecondFactor.address(secret, current_user.name), micro=False, error="m")
    grouped = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    image = picture.svg_data_uri(scale=MODULE_PIXELS, dark="#000", light="#fff", border=4)
    return render_template("second_factor.html", form=form, secret=grouped, image=image)


def _codes_page(codes: Sequence[str]) -> str:
    return render_template("recovery_codes.html", codes=codes, is_new=True)


def _prove_password() -> None:
    """A browser that was left open is not enough for that. Raises InvalidInput."""
    _slow_down_guessing()
    given = request.form.get("current", "")[:LONGEST_PASSWORD]
    if not web().services.users.is_password_of(current_user.id, given):
        raise InvalidInput([FieldError("current", gettext("That is not your current password."))])
    _throttle().accepted(_network(), current_user.name, current_user.id)


def _slow_down_guessing() -> None:
    """Raises InvalidInput."""
    wait = _throttle().admit(_network(), current_user.name, current_user.id)
    if wait:
        raise InvalidInput([FieldError("current", gettext("Too many tries. Wait a minute, then try again."))])


def _throttle() -> SignInThrottle:
    throttle: SignInThrottle = current_app.extensions["postroom_sign_in_throttle"]
    return throttle


def _network() -> str:
    return network_of(request.remote_addr or "")


def _user() -> Any:
    with web().read() as session:
        return access.user(session, current_user.id)
