"""/sign-in, with the second factor where there is one, and /sign-out"""

import hashlib
import math
from http import HTTPStatus
from typing import Any

import structlog
from flask import Blueprint, Response, current_app, redirect, render_template, request, session, url_for
from flask_babel import lazy_gettext as _
from flask_login import current_user
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from appliance.db.models import User
from appliance.db.queries import access
from appliance.errors import StorageUnavailable
from appliance.services.known_keys import network_of
from appliance.services.sign_in_throttle import SignInThrottle
from appliance.services.users import LONGEST_NAME, LONGEST_PASSWORD
from appliance.web.admin import identity, known_browser
from appliance.web.admin.form import Form
from appliance.web.context import web

blueprint = Blueprint("sign_in", __name__)

log = structlog.get_logger(__name__)

HALF_WAY = "half_way_in"
HALF_WAY_SECONDS = 600
LONGEST_CODE = 64


class SignInForm(Form):
    name = StringField(_("Name"), [InputRequired(_("Give your name."))])
    password = PasswordField(_("Password"), [InputRequired(_("Give your password."))])


class CodeForm(Form):
    code = StringField(_("Code"), [InputRequired(_("Give the code that the app shows."))])


@blueprint.get("/sign-in")
def show() -> Any:
    if current_user.is_authenticated:
        return redirect(identity.safe_next(request.args.get("next")))
    if web().services.setup.pending():
        return redirect(url_for("setup.show"))
    return _page(SignInForm())


@blueprint.post("/sign-in")
def submit() -> Any:
    form = SignInForm()
    if not form.validate():
        return _page(form, HTTPStatus.UNPROCESSABLE_ENTITY)
    name, password = _storable(form.name.data[:LONGEST_NAME]), form.password.data[:LONGEST_PASSWORD]
    known = known_browser.of(name)
    if wait := _throttle().admit(_network(), name, known):
        shown = web().services.users.shown(name)
        log.warning("sign-in refused: too many tries", user=shown, address=request.remote_addr, wait_seconds=wait)
        return _too_fast(_page, form, wait)
    user = web().services.users.authenticate(name, password)
    if user is None:
        shown = web().services.users.shown(name)
        log.warning("sign-in failed", user=shown, address=request.remote_addr)
        _throttle().refused(_network(), name)
        web().services.users.note_refusal(shown)
        return _page(form, HTTPStatus.UNAUTHORIZED, refused=True)
    _throttle().accepted(_network(), name, known)
    if user.has_second_factor:
        return _ask_for_code(user)
    return _let_in(user, request.form.get("next"))


@blueprint.get("/sign-in/code")
def code() -> Any:
    return _code_page(CodeForm()) if _half_way_in() else redirect(url_for(".show"))


@blueprint.post("/sign-in/code")
def submit_code() -> Any:
    user, form = _half_way_in(), CodeForm()
    if user is None:
        return redirect(url_for(".show"))
    if not form.validate():
        return _code_page(form, HTTPStatus.UNPROCESSABLE_ENTITY)
    known = known_browser.of(user.name)
    if wait := _throttle().admit_code(_network(), user.id, known):
        log.warning("second factor refused: too many tries", user=user.name, address=request.remote_addr)
        return _too_fast(_code_page, form, wait)
    try:
        accepted = web().services.second_factor.accepts(user, form.code.data[:LONGEST_CODE])
    except StorageUnavailable as error:
        return _code_page(form, HTTPStatus.SERVICE_UNAVAILABLE, unkept=str(error))
    if not accepted:
        log.warning("second factor failed", user=user.name, address=request.remote_addr)
        _throttle().refused_code(_network())
        web().services.users.note_wrong_code(user)
        return _code_page(form, HTTPStatus.UNAUTHORIZED, refused=True)
    _throttle().accepted_code(user.id, known)
    return _let_in(user, session[HALF_WAY]["next"])


@blueprint.post("/sign-out")
def sign_out() -> Any:
    identity.end()
    return redirect(url_for("sign_in.show"))


def _ask_for_code(user: User) -> Any:
    """Nobody is signed in by that: the cookie says only whose password was right, and until when that counts."""
    identity.end()
    until = web().clock().timestamp() + HALF_WAY_SECONDS
    wanted = identity.safe_next(request.form.get("next"))
    session[HALF_WAY] = {"user": user.id, "of": _stamp(user), "until": until, "next": wanted}
    return redirect(url_for(".code"))


def _half_way_in() -> User | None:
    """Whose password was given here a short while ago, and is still the one."""
    held = session.get(HALF_WAY)
    if held is None or held["until"] < web().clock().timestamp():
        return None
    with web().read() as reader:
        user = access.user(reader, held["user"])
    return user if user is not None and user.active and _stamp(user) == held["of"] else None


def _stamp(user: User) -> str:
    """Changes with the password and with the second factor, and tells nothing of either."""
    return hashlib.sha256(f"{user.password_hash} {user.totp_secret}".encode()).hexdigest()[:16]


def _let_in(user: User, wanted: str | None) -> Any:
    identity.begin(user.id, user.password_hash)
    web().services.users.note_sign_in(user)
    answer = redirect(identity.safe_next(wanted))
    assert isinstance(answer, Response)
    known_browser.remember(answer, user.name)
    return answer


def _too_fast(page: Any, form: Form, wait: float) -> Any:
    seconds = math.ceil(wait)
    body, status = page(form, HTTPStatus.TOO_MANY_REQUESTS, wait_seconds=seconds)
    return body, status, {"Retry-After": str(seconds)}


def _page(form: SignInForm, status: HTTPStatus = HTTPStatus.OK, **facts: Any) -> tuple[str, HTTPStatus]:
    wanted = request.values.get("next", "")
    return render_template("sign_in.html", form=form, next=wanted, **facts), status


def _code_page(form: CodeForm, status: HTTPStatus = HTTPStatus.OK, **facts: Any) -> tuple[str, HTTPStatus]:
    return render_template("sign_in_code.html", form=form, **facts), status


def _storable(name: str) -> str:
    """PostgreSQL takes no NUL, and no name has one."""
    return name.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _throttle() -> SignInThrottle:
    throttle: SignInThrottle = current_app.extensions["postroom_sign_in_throttle"]
    return throttle


def _network() -> str:
    return network_of(request.remote_addr or "")
