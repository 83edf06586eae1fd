"""/welcome: the steps of the first run. Each can be left for later, and counts as done wherever else it was done."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _
from wtforms import StringField
from wtforms.validators import InputRequired

from appliance.db.models.delivery_attempt import AttemptOutcome
from appliance.db.models.message import UNFINISHED, MessageStatus
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.db.queries import accounts
from appliance.errors import IdempotencyKeyReused, InvalidInput, LimitReached, NotFound, Unavailable
from appliance.services import account_advice, intake, provider_presets
from appliance.services.account_trials import TrialState
from appliance.services.explanation import explain
from appliance.services.first_run import Progress, Step
from appliance.services.permission import Permission, may
from appliance.services.sender_accounts import AccountForm
from appliance.services.submission import SubmitMessage, Submitter
from appliance.web.admin import account_form, curl_command, message_parts, once, place_form
from appliance.web.admin.account_form import SenderAccountForm
from appliance.web.admin.form import Form, stripped
from appliance.web.admin.notices import notice
from appliance.web.api.representations import scene
from appliance.web.context import web

blueprint = Blueprint("wizard", __name__, url_prefix="/welcome")

SCOPES = ("send", "read")


class KeyForm(Form):
    name = StringField(
        _("Name"),
        [InputRequired(_("Give a name."))],
        filters=[stripped],
        description=_("The program that will use it, such as webshop."),
    )


class RecipientForm(Form):
    to = StringField(
        _("Address"),
        [InputRequired(_("Give an address that you can look into."))],
        filters=[stripped],
        description=_("Yours, so that you see it arrive."),
    )


def progress_to_show() -> Progress | None:
    """For the card on the overview: None when there is nothing left that this person could do."""
    if not may(Permission.ADMINISTER):
        return None
    progress = web().services.first_run.progress()
    return None if progress.is_over or _leaves_no_choice(progress) else progress


def _leaves_no_choice(progress: Progress) -> bool:
    """Only time zone and address are left, and the configuration has both."""
    return progress.can_send and len(place_form.fixed()) == len(place_form.KEYS)


@blueprint.get("")
def index() -> str:
    return _page("wizard.html", None, steps=list(Step))


@blueprint.post("/dismiss")
def dismiss() -> Any:
    web().services.first_run.dismiss()
    return redirect(url_for("admin.status.show"))


@blueprint.get("/place")
def place() -> str:
    return _place_page(place_form.filled())


@blueprint.post("/place")
def choose_place() -> Any:
    form = place_form.given()
    try:
        if not form.validate():
            return _place_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
        web().services.place.choose(form.timezone.data or "", form.public_url.data or "")
    except InvalidInput as error:
        form.blame(error)
        return _place_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    web().services.first_run.finish(Step.PLACE)
    notice("place_waits" if place_form.waiting_zone() else "place_saved")
    return redirect(url_for("admin.settings.index" if progress_to_show() is None else ".account"))


@blueprint.get("/account")
def account() -> str:
    preset = provider_presets.by_key(request.args.get("preset", ""))
    return _account_page(_typed_before() or account_form.filled_by(preset), preset)


@blueprint.post("/account")
def try_account() -> Any:
    """Nothing is kept before the server has let us in."""
    form = SenderAccountForm()
    preset = provider_presets.by_key(request.args.get("preset", ""))
    try:
        if not form.validate():
            return _account_page(form, preset), HTTPStatus.UNPROCESSABLE_ENTITY
        values = form.values() | {"transport": "smtp", "active": True, "priority": 0}
        if preset.asks_for_address and not values["username"]:
            values["username"] = values["email"]
        trial_id = web().services.account_trials.begin(AccountForm(**values), once.given())
    except InvalidInput as error:
        form.blame(error)
        return _account_page(form, preset), HTTPStatus.UNPROCESSABLE_ENTITY
    return redirect(url_for(".trial", trial_id=trial_id))


@blueprint.get("/account/trials/<trial_id>")
def trial(trial_id: str) -> Any:
    try:
        found = web().services.account_trials.look(trial_id)
    except NotFound:
        notice("attempt_gone")
        return redirect(url_for(".account"))
    return _page(
        "wizard_trial.html",
        Step.ACCOUNT,
        trial=found,
        preset=provider_presets.of_host(found.form.host),
        advice=account_advice.advice(found.reason),
        running=found.state is TrialState.RUNNING,
    )


@blueprint.post("/account/trials/<trial_id>/keep")
def keep_account(trial_id: str) -> Any:
    try:
        web().services.account_trials.keep(trial_id)
        notice("account_saved")
    except NotFound:
        notice("attempt_gone")
        return redirect(url_for(".account"))
    return redirect(url_for(".key"))


@blueprint.get("/key")
def key() -> str:
    return _page("wizard_key.html", Step.KEY, form=KeyForm(formdata=None))


@blueprint.post("/key")
def make_key() -> Any:
    """The secret is shown in this answer and never again, so there is no redirect to lose it on."""
    form = KeyForm()
    try:
        if not form.validate():
            return _page("wizard_key.html", Step.KEY, form=form), HTTPStatus.UNPROCESSABLE_ENTITY
        if not once.is_first():
            form.form_errors.append(
                _("This form has made its key already. To make another one, press the button again.")
            )
            return _page("wizard_key.html", Step.KEY, form=form), HTTPStatus.CONFLICT
        made = web().services.api_keys.create(form.name.data, SCOPES)
    except InvalidInput as error:
        form.blame(error)
        return _page("wizard_key.html", Step.KEY, form=form), HTTPStatus.UNPROCESSABLE_ENTITY
    command, here = curl_command.of(made), request.host_url.rstrip("/")
    reached_otherwise = here if here not in command else ""
    return _page(
        "wizard_key_made.html", Step.KEY, made=made, command=command, here=reached_otherwise
    ), HTTPStatus.CREATED


@blueprint.get("/message")
def message() -> str:
    return _message_page(RecipientForm(formdata=None))


@blueprint.post("/message")
def send_message() -> Any:
    """A double click sends once: the form's token is the idempotency key."""
    form = RecipientForm()
    if not form.validate():
        return _message_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        command = _first_message(form.to.data)
        accepted = web().services.submission.submit(command, Submitter(None, g.request_id), once.given() or None)
    except ValueError as error:
        form.to.errors = [str(error)]
        return _message_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    except IdempotencyKeyReused:
        form.form_errors.append(_("This form has sent a message to another address. Send again to send this one too."))
        return _message_page(form), HTTPStatus.CONFLICT
    except (LimitReached, Unavailable) as error:
        form.form_errors.append(str(error))
        return _message_page(form), HTTPStatus.SERVICE_UNAVAILABLE
    web().services.first_run.finish(Step.MESSAGE)
    return redirect(url_for(".watch", message_id=accepted.id))


@blueprint.get("/message/<message_id>")
def watch(message_id: str) -> str:
    detail = message_parts.detail(message_id)
    found, last = detail.message, next(iter(detail.attempts[-1:]), None)
    under_way = found.status in UNFINISHED
    failing = last if last is not None and last.outcome == AttemptOutcome.ACCOUNT_ERROR else None
    return _page(
        "wizard_watch.html",
        Step.MESSAGE,
        message=found,
        detail=detail,
        explanation=explain(scene(detail)),
        in_mailbox=last is not None and last.account_id == BUILT_IN_MAILBOX_ID,
        troubled=found.status in (MessageStatus.DEFERRED, MessageStatus.HELD),
        account_in_trouble=failing.account_id if failing is not None and under_way else "",
        under_way=under_way,
        arrived=found.status == MessageStatus.SENT,
    )


def _first_message(to: str) -> SubmitMessage:
    """Raises ValueError: it is no address."""
    return SubmitMessage(
        to=(intake.address(to),),
        subject=render_template("mail/test_subject.txt").strip(),
        text=render_template("mail/test.txt"),
        html=render_template("mail/test.html"),
        tags=("test",),
    )


def _typed_before() -> SenderAccountForm | None:
    """All but the password of the test that did not work, to be mended."""
    try:
        tried = web().services.account_trials.look(request.args.get("again", "")).form
    except NotFound:
        return None
    kept = ("name", "email", "host", "port", "security", "username", "daily_limit")
    return SenderAccountForm(formdata=None, **{name: getattr(tried, name) for name in kept})


def _place_page(form: place_form.PlaceForm) -> str:
    return _page(
        "wizard_place.html",
        Step.PLACE,
        form=form,
        fixed=place_form.fixed(),
        zones=place_form.zones(form.timezone.data),
    )


def _account_page(form: SenderAccountForm, preset: provider_presets.Preset) -> str:
    with web().read() as session:
        there = [one for one in accounts.by_priority(session) if one.transport == "smtp"]
    chosen = "preset" in request.args
    return _page(
        "wizard_account.html",
        Step.ACCOUNT,
        form=form,
        preset=preset,
        presets=provider_presets.PRESETS,
        chosen=chosen,
        there=there,
    )


def _message_page(form: RecipientForm) -> str:
    with web().read() as session:
        only_mailbox = not any(one.transport == "smtp" for one in accounts.by_priority(session))
    return _page("wizard_message.html", Step.MESSAGE, form=form, only_mailbox=only_mailbox)


def _page(template: str, step: Step | None, **facts: Any) -> str:
    progress = web().services.first_run.progress()
    order = [one for one in Step if one is not Step.ADMINISTRATOR]
    after = order[order.index(step) + 1 :] if step in order else []
    later = url_for(f".{after[0]}") if after else url_for(".index")
    return render_template(template, step=step, order=order, progress=progress, later=later, **facts)
