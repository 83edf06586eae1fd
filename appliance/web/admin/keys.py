"""/keys: the API keys of programs."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask_babel import lazy_gettext as _

from appliance.clock import local_date, next_midnight
from appliance.db.models import ApiKey
from appliance.db.queries import access, accounts
from appliance.errors import FieldError, InvalidInput, NotFound, WrongState
from appliance.language import gettext
from appliance.services.api_keys import NewApiKey
from appliance.services.key_limits import KeyLimits
from appliance.web.admin import curl_command, key_form, once
from appliance.web.admin.key_form import ApiKeyForm
from appliance.web.admin.notices import notice
from appliance.web.context import web

blueprint = Blueprint("keys", __name__, url_prefix="/keys")

_MADE_ALREADY = _(
    "This form has made a key already. If you have not seen it, revoke it below. Press Create again to make one more."
)


@blueprint.get("")
def index() -> str:
    return _page(_offered(ApiKeyForm(formdata=None)))


@blueprint.post("")
def create() -> Any:
    """The secret is shown in this answer and never again, so there is no redirect to lose it on."""
    form = _offered(ApiKeyForm())
    try:
        if not form.validate():
            return _page(form), HTTPStatus.UNPROCESSABLE_ENTITY
        if not once.is_first():
            form.form_errors.append(_MADE_ALREADY)
            return _page(form), HTTPStatus.CONFLICT
        made = _create(form.values(web().zone))
    except InvalidInput as error:
        form.blame(error)
        return _page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    return render_template("key_created.html", made=made, form=form, command=curl_command.of(made)), HTTPStatus.CREATED


@blueprint.get("/<key_id>/edit")
def edit(key_id: str) -> str:
    key = _key(key_id)
    return _edit_page(_offered(key_form.filled(key, web().zone), key), key)


@blueprint.post("/<key_id>/edit")
def change(key_id: str) -> Any:
    key = _key(key_id)
    form = _offered(ApiKeyForm(), key)
    try:
        if not form.validate():
            return _edit_page(form, key), HTTPStatus.UNPROCESSABLE_ENTITY
        web().services.api_keys.change(key_id, form.values(web().zone, key))
    except InvalidInput as error:
        form.blame(error)
        return _edit_page(form, key), HTTPStatus.UNPROCESSABLE_ENTITY
    except WrongState as error:
        notice("wrong_state", reason=str(error))
        return redirect(url_for(".index"))
    notice("key_changed")
    return redirect(url_for(".index"))


@blueprint.post("/<key_id>/enable")
def enable(key_id: str) -> Any:
    return _set_active(key_id, active=True)


@blueprint.post("/<key_id>/disable")
def disable(key_id: str) -> Any:
    return _set_active(key_id, active=False)


@blueprint.post("/<key_id>/revoke")
def revoke(key_id: str) -> Any:
    web().services.api_keys.revoke(key_id)
    notice("key_revoked")
    return redirect(url_for(".index"))


def _create(values: dict[str, Any]) -> NewApiKey:
    expires_at = values["expires_at"]
    if expires_at is not None and expires_at <= web().clock():
        raise InvalidInput(
            [FieldError("expires_at", gettext("This day is past; give a later one, or leave it empty."))]
        )
    limits = KeyLimits(**{name: values[name] for name in KeyLimits.__slots__})
    return web().services.api_keys.create(values["name"], values["scopes"], expires_at, limits)


def _set_active(key_id: str, *, active: bool) -> Any:
    keys = web().services.api_keys
    try:
        (keys.enable if active else keys.disable)(key_id)
        notice("key_enabled" if active else "key_disabled")
    except WrongState as error:  # somebody else has revoked it since the page was drawn
        notice("wrong_state", reason=str(error))
    return redirect(url_for(".index"))


def _key(key_id: str) -> ApiKey:
    with web().read() as session:
        key = access.api_key(session, key_id)
    if key is None or key.revoked_at is not None:
        raise NotFound("API key", key_id)
    return key


def _offered(form: ApiKeyForm, key: ApiKey | None = None) -> ApiKeyForm:
    with web().read() as session:
        return form.offer(accounts.by_priority(session), key.allowed_accounts if key else ())


def _page(form: ApiKeyForm) -> str:
    now, service = web().clock(), web().services.api_keys
    with web().read() as session:
        keys = list(reversed(access.api_keys(session)))
        senders = {account.id: account.name for account in accounts.by_priority(session)}
    return render_template(
        "keys.html",
        form=form,
        keys=keys,
        senders=senders,
        states={key.id: key.state(now) for key in keys},
        limits={key.id: service.limits_of(key) for key in keys},
        last_used={key.id: service.uses.last(key) for key in keys},
        today=local_date(now, web().zone),
        reset_at=next_midnight(now, web().zone),
        now=now,
    )


def _edit_page(form: ApiKeyForm, key: ApiKey) -> str:
    return render_template("key_form.html", form=form, key=key)
