"""/webhooks: the endpoints that are told what happens, and how that goes."""

import json
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _
from wtforms import SelectMultipleField, StringField
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from appliance.db.models import WebhookDelivery, WebhookEndpoint
from appliance.db.queries import access, webhooks
from appliance.errors import InvalidInput, NotFound, WrongState
from appliance.services.webhook_form import SUBSCRIBABLE, EndpointForm
from appliance.web.admin import once
from appliance.web.admin.form import Form, stripped
from appliance.web.admin.notices import notice
from appliance.web.api import webhook_representations
from appliance.web.context import web

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")

PAGE = 50
REPLAY_HOURS = {"1": 1, "24": 24, "720": 720}
STATES = ("pending", "delivered", "failed")

_MADE_ALREADY = _(
    "This form has added an endpoint already: it stands in the list of webhooks, where it can be given a new secret. "
    "Press Add again to add one more."
)


class WebhookForm(Form):
    url = StringField(
        _("URL"),
        [InputRequired(_("Give a URL."))],
        filters=[stripped],
        description=_("Such as https://example.com/hooks."),
    )
    description = StringField(_("Description"), filters=[stripped], description=_("What it is for."))
    events = SelectMultipleField(
        _("It is told of"),
        choices=list(SUBSCRIBABLE),
        default=["*"],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )

    def values(self) -> dict[str, Any]:
        """The fields of `EndpointForm`."""
        return {"url": self.url.data, "description": self.description.data or "", "events": self.events.data or []}


@blueprint.get("")
def index() -> str:
    before = request.args.get("before") or None
    with web().read() as session:
        found, next_id = webhooks.page(session, before=before, limit=PAGE)
    return render_template("webhooks.html", found=found, next_id=next_id, before=before, now=web().clock())


@blueprint.get("/new")
def new() -> str:
    return _form_page(WebhookForm())


@blueprint.post("/new")
def create() -> Any:
    """The secret is shown in this answer and never again, so there is no redirect to lose it on."""
    form = WebhookForm()
    try:
        if not form.validate():
            return _form_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
        if not once.is_first():
            form.form_errors.append(_MADE_ALREADY)
            return _form_page(form), HTTPStatus.CONFLICT
        made = web().services.webhook_endpoints.create(EndpointForm(**form.values()))
    except InvalidInput as error:
        form.blame(error)
        return _form_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    except WrongState as error:
        form.form_errors.append(str(error))
        return _form_page(form), HTTPStatus.CONFLICT
    return _secret_page(made.id, made.secret, created=True), HTTPStatus.CREATED


@blueprint.get("/<webhook_id>")
def show(webhook_id: str) -> str:
    return _page(webhook_id)


@blueprint.get("/<webhook_id>/edit")
def edit(webhook_id: str) -> str:
    endpoint = _endpoint(webhook_id)
    return _form_page(WebhookForm(obj=endpoint), endpoint)


@blueprint.post("/<webhook_id>/edit")
def change(webhook_id: str) -> Any:
    endpoint, form = _endpoint(webhook_id), WebhookForm()
    try:
        if not form.validate():
            return _form_page(form, endpoint), HTTPStatus.UNPROCESSABLE_ENTITY
        web().services.webhook_endpoints.change(webhook_id, form.values())
    except InvalidInput as error:
        form.blame(error)
        return _form_page(form, endpoint), HTTPStatus.UNPROCESSABLE_ENTITY
    notice("webhook_changed")
    return _back(webhook_id)


@blueprint.post("/<webhook_id>/pause")
def pause(webhook_id: str) -> Any:
    web().services.webhook_endpoints.pause(webhook_id)
    notice("webhook_paused")
    return _back(webhook_id)


@blueprint.post("/<webhook_id>/resume")
def resume(webhook_id: str) -> Any:
    web().services.webhook_endpoints.resume(webhook_id)
    notice("webhook_resumed")
    return _back(webhook_id)


@blueprint.post("/<webhook_id>/delete")
def delete(webhook_id: str) -> Any:
    web().services.webhook_endpoints.delete(webhook_id)
    notice("webhook_deleted")
    return redirect(url_for(".index"))


@blueprint.post("/<webhook_id>/rotate-secret")
def rotate_secret(webhook_id: str) -> Any:
    """Shown in this answer and never again. A second press would take away the old one at once."""
    if not once.is_first():
        notice("webhook_secret_replaced")
        return _back(webhook_id)
    return _secret_page(webhook_id, web().services.webhook_endpoints.replace_secret(webhook_id).secret, created=False)


@blueprint.post("/<webhook_id>/test")
def test(webhook_id: str) -> str:
    """Shown at once instead of after a redirect; it stands in the log as well."""
    return _page(webhook_id, report=web().services.webhook_replay.test(webhook_id))


@blueprint.post("/<webhook_id>/replay")
def replay(webhook_id: str) -> Any:
    hours = REPLAY_HOURS.get(request.form.get("hours", ""), 24)
    since = web().clock() - timedelta(hours=hours)
    try:
        notice("webhooks_replayed", count=web().services.webhook_replay.failed_since(webhook_id, since))
    except WrongState as error:
        notice("wrong_state", reason=str(error))
    return _back(webhook_id)


@blueprint.get("/deliveries/<delivery_id>")
def show_delivery(delivery_id: str) -> str:
    with web().read() as session:
        delivery = _found(webhooks.delivery(session, delivery_id), delivery_id)
        endpoint = webhooks.one(session, delivery.endpoint_id)
        attempts = webhooks.attempts(session, delivery_id)
    facts = {"status": webhook_representations.status(delivery), "now": web().clock()}
    payload = json.dumps(json.loads(delivery.payload), indent=2, ensure_ascii=False)
    return render_template(
        "webhook_delivery.html", delivery=delivery, endpoint=endpoint, attempts=attempts, payload=payload, **facts
    )


@blueprint.post("/deliveries/<delivery_id>/replay")
def replay_delivery(delivery_id: str) -> Any:
    try:
        web().services.webhook_replay.one(delivery_id)
        notice("webhook_replayed")
    except WrongState as error:
        notice("wrong_state", reason=str(error))
    return redirect(url_for(".show_delivery", delivery_id=delivery_id))


def _page(webhook_id: str, **facts: Any) -> str:
    status, before = request.args.get("status", ""), request.args.get("before") or None
    endpoint = _endpoint(webhook_id)
    with web().read() as session:
        found, next_id = webhooks.deliveries(session, webhook_id, before=before, limit=PAGE, state=status)
        key = access.api_key(session, endpoint.api_key_id) if endpoint.api_key_id else None
    log = [(one, webhook_representations.status(one)) for one in found]
    listing = {"log": log, "next_id": next_id, "before": before, "status": status, "states": STATES}
    return render_template("webhook.html", endpoint=endpoint, key=key, now=web().clock(), **listing, **facts)


def _form_page(form: WebhookForm, endpoint: WebhookEndpoint | None = None) -> str:
    return render_template("webhook_form.html", form=form, endpoint=endpoint)


def _secret_page(webhook_id: str, secret: str, *, created: bool) -> str:
    return render_template("webhook_secret.html", endpoint=_endpoint(webhook_id), secret=secret, created=created)


def _back(webhook_id: str) -> Any:
    return redirect(url_for(".show", webhook_id=webhook_id))


def _endpoint(webhook_id: str) -> WebhookEndpoint:
    with web().read() as session:
        endpoint = webhooks.one(session, webhook_id)
    if endpoint is None:
        raise NotFound("webhook", webhook_id)
    return endpoint


def _found(delivery: WebhookDelivery | None, delivery_id: str) -> WebhookDelivery:
    if delivery is None:
        raise NotFound("webhook delivery", delivery_id)
    return delivery
