"""/sign-in and /sign-out"""

import math
from http import HTTPStatus
from typing import Any

import structlog
from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask_login import current_user
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from appliance.services.known_keys import network_of
from appliance.services.rate_limit import RateLimit
from appliance.services.throttle import Throttle
from appliance.services.users import LONGEST_PASSWORD
from appliance.web.admin import identity
from appliance.web.admin.form import Form
from appliance.web.context import web

blueprint = Blueprint("sign_in", __name__)

log = structlog.get_logger(__name__)

LONGEST_NAME = 200
FAILURES_PER_MINUTE = 30  # from one address, with whatever names: each costs a hash, and an entry in the audit


class SignInForm(Form):
    name = StringField("Name", [InputRequired("Give your name.")])
    password = PasswordField("Password", [InputRequired("Give your password.")])


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
    name, password = form.name.data[:LONGEST_NAME], form.password.data[:LONGEST_PASSWORD]
    if wait := _failures().look(_network(), FAILURES_PER_MINUTE).wait or _throttle().admit(_key(name)):
        log.warning("sign-in refused: too many tries", user=name, address=request.remote_addr, wait_seconds=wait)
        return _too_fast(form, wait)
    user = web().services.users.authenticate(name, password)
    if user is None:
        log.warning("sign-in failed", user=name, address=request.remote_addr)
        _failures().take(_network(), FAILURES_PER_MINUTE)
        web().services.users.note_refusal(name)
        return _page(form, HTTPStatus.UNAUTHORIZED, refused=True)
    _throttle().forget(_key(name))
    wanted = request.form.get("next")
    identity.begin(user.id)
    web().services.users.note_sign_in(user)
    return redirect(identity.safe_next(wanted))


@blueprint.post("/sign-out")
def sign_out() -> Any:
    session.clear()
    return redirect(url_for("sign_in.show"))


def _too_fast(form: SignInForm, wait: float) -> Any:
    seconds = math.ceil(wait)
    body, status = _page(form, HTTPStatus.TOO_MANY_REQUESTS, wait_seconds=seconds)
    return body, status, {"Retry-After": str(seconds)}


def _page(form: SignInForm, status: HTTPStatus = HTTPStatus.OK, **facts: Any) -> tuple[str, HTTPStatus]:
    wanted = request.values.get("next", "")
    return render_template("sign_in.html", form=form, next=wanted, **facts), status


def _throttle() -> Throttle:
    throttle: Throttle = current_app.extensions["postroom_sign_in_throttle"]
    return throttle


def _failures() -> RateLimit:
    failures: RateLimit = current_app.extensions["postroom_sign_in_failures"]
    return failures


def _network() -> str:
    return network_of(request.remote_addr or "")


def _key(name: str) -> str:
    return f"{request.remote_addr} {name.strip().lower()}"
