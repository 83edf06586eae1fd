"""The pages for people, registered on the application.

Whatever stands on the blueprint `admin` is shut to everybody who is not signed in; only setup and sign-in are open.
"""

from http import HTTPStatus

from flask import Blueprint, Flask, abort, request
from flask_wtf.csrf import CSRFProtect

from appliance.program import PROGRAM
from appliance.services.sign_in_throttle import SignInThrottle
from appliance.web import assets, flower_proxy, security
from appliance.web.admin import (
    about,
    accounts,
    alerts,
    api_docs,
    attachments,
    audit,
    backups,
    box,
    compose,
    counting,
    error_pages,
    filters,
    identity,
    jobs,
    keys,
    languages,
    logs,
    mailbox,
    messages,
    navigation,
    once,
    place_form,
    profile,
    renewal,
    retention,
    schedules,
    settings,
    setup,
    sign_in,
    statistics,
    status,
    suppressions,
    template_pages,
    users,
    webhooks,
    wizard,
)
from appliance.web.api.blueprint import PREFIX as API

GROUPS = (
    status,
    statistics,
    schedules,
    messages,
    compose,
    jobs,
    template_pages,
    mailbox,
    accounts,
    suppressions,
    webhooks,
    keys,
    retention,
    box,
    users,
    profile,
    wizard,
    attachments,
    alerts,
    logs,
    audit,
    settings,
    backups,
    about,
    api_docs,
    flower_proxy,
)
OPEN = (setup, sign_in)


def register(app: Flask) -> None:
    security.register(app)
    identity.register(app)
    _refuse_forged_forms(app)
    for part in (assets, languages, navigation, filters, once, error_pages):
        part.register(app)
    app.add_template_global(box.pause_in_force, "box_pause")
    app.add_template_global(wizard.progress_to_show, "first_run_progress")
    app.add_template_global(place_form.waiting_zone)
    app.jinja_env.globals["program"] = PROGRAM
    for page in OPEN:
        app.register_blueprint(page.blueprint)
    app.register_blueprint(_admin())
    api_docs.register(app)


def _admin() -> Blueprint:
    admin = Blueprint("admin", __name__)
    admin.before_request(identity.require)
    admin.before_request(_refuse_nul)
    for group in GROUPS:
        admin.register_blueprint(group.blueprint)
    return admin


def _refuse_nul() -> None:
    """A database server takes none, and nobody types one. What is Flower's is left unread, to be passed on."""
    if request.path.startswith(f"{flower_proxy.PREFIX}/"):
        return
    given = (*request.form.values(), *request.args.values(), *map(str, (request.view_args or {}).values()))
    if any("\0" in text for text in given):
        abort(HTTPStatus.BAD_REQUEST, "There is a NUL character in it, which is no text. Take it out.")


def _refuse_forged_forms(app: Flask) -> None:
    """Every form carries a token. The API takes no cookie, and Flower's forms are checked by where they come from.

    What leads to no form is left alone: then 404 and 405 say more than that a token is missing.
    """
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    csrf = CSRFProtect(app)

    @app.before_request
    def check() -> None:
        elsewhere = request.path.startswith((f"{API}/", f"{flower_proxy.PREFIX}/"))
        if not elsewhere and request.routing_exception is None:
            if None in request.form:  # which a form with parts can send, and no browser does
                abort(HTTPStatus.BAD_REQUEST, "A field of the form has no name.")
            csrf.protect()


def begin(app: Flask) -> None:
    compose.begin(app)
    counting.begin(app)
    once.begin(app)
    renewal.begin(app)
    app.extensions["postroom_sign_in_throttle"] = SignInThrottle()
