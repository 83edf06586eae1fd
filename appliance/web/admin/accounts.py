"""/accounts: the sender accounts, in the order in which they are used."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from appliance.clock import next_midnight
from appliance.db.models import SenderAccount
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.db.queries import account_tests, accounts
from appliance.db.queries.account_tests import FailedTest
from appliance.errors import InvalidInput, NotFound, WrongState
from appliance.services import account_advice, provider_presets
from appliance.services.provider_presets import Preset
from appliance.services.sender_accounts import AccountForm
from appliance.web.admin import once
from appliance.web.admin.account_form import SenderAccountForm, filled_by
from appliance.web.admin.chart import account_course
from appliance.web.admin.notices import notice
from appliance.web.admin.status import Quota, quotas
from appliance.web.context import web

blueprint = Blueprint("accounts", __name__, url_prefix="/accounts")


@dataclass(frozen=True, slots=True)
class Card:
    """An account in the list. Those that can be moved are in an order; the built-in mailbox is not."""

    quota: Quota
    failed_test: FailedTest | None
    is_first: bool
    is_last: bool
    is_built_in: bool


@blueprint.get("")
def index() -> str:
    now = web().clock()
    with web().read() as session:
        senders = accounts.by_priority(session)
        failed = {one.id: account_tests.still_failed(session, one) for one in senders}
    return render_template(
        "accounts.html", cards=_cards(quotas(senders, now), failed), reset_at=next_midnight(now, web().zone), now=now
    )


@blueprint.get("/new")
def new() -> str:
    preset = provider_presets.by_key(request.args.get("preset", ""))
    return _form_page(filled_by(preset), preset=preset)


@blueprint.post("/new")
def create() -> Any:
    form = SenderAccountForm()
    try:
        if not form.validate():
            return _form_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
        if not once.is_first():  # what the first press made stands there
            return redirect(url_for(".index"))
        account_id = web().services.sender_accounts.create(AccountForm(**form.values()))
    except InvalidInput as error:
        form.blame(error)
        return _form_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    notice("account_created")
    return redirect(url_for(".show", account_id=account_id))


@blueprint.get("/<account_id>")
def show(account_id: str) -> str:
    return _account_page(account_id)


@blueprint.get("/<account_id>/edit")
def edit(account_id: str) -> str:
    account = _account(account_id)
    return _form_page(SenderAccountForm(obj=account), account)


@blueprint.post("/<account_id>/edit")
def change(account_id: str) -> Any:
    account, form = _account(account_id), SenderAccountForm()
    try:
        if not form.validate():
            return _form_page(form, account), HTTPStatus.UNPROCESSABLE_ENTITY
        web().services.sender_accounts.change(account_id, form.values())
    except InvalidInput as error:
        form.blame(error)
        return _form_page(form, account), HTTPStatus.UNPROCESSABLE_ENTITY
    notice("account_changed")
    return redirect(url_for(".show", account_id=account_id))


@blueprint.post("/<account_id>/pause")
def pause(account_id: str) -> Any:
    web().services.sender_accounts.pause(account_id)
    notice("account_paused")
    return redirect(url_for(".show", account_id=account_id))


@blueprint.post("/<account_id>/resume")
def resume(account_id: str) -> Any:
    web().services.sender_accounts.resume(account_id)
    notice("account_resumed")
    return redirect(url_for(".show", account_id=account_id))


@blueprint.post("/<account_id>/move")
def move(account_id: str) -> Any:
    """`direction` is up or down."""
    try:
        web().services.sender_accounts.move(account_id, up=request.form.get("direction") == "up")
        notice("account_moved")
    except WrongState as error:
        notice("wrong_state", reason=str(error))
    return redirect(url_for(".index"))


@blueprint.post("/<account_id>/delete")
def delete(account_id: str) -> Any:
    try:
        web().services.sender_accounts.delete(account_id)
    except WrongState as error:
        notice("wrong_state", reason=str(error))
        return redirect(url_for(".show", account_id=account_id))
    notice("account_deleted")
    return redirect(url_for(".index"))


@blueprint.post("/<account_id>/test")
def test(account_id: str) -> Any:
    """Shown at once instead of after a redirect: the dialogue is kept nowhere."""
    to = request.form.get("to", "").strip()
    try:
        report = web().services.account_test.run(account_id, to or None)
    except InvalidInput as error:
        return _account_page(account_id, to=to, to_fault=error.errors[0].message), HTTPStatus.UNPROCESSABLE_ENTITY
    return _account_page(account_id, report=report, advice=account_advice.advice(report.message), to=to)


def _cards(found: list[Quota], failed: Mapping[str, FailedTest | None]) -> list[Card]:
    movable = [one.account.id for one in found if one.account.id != BUILT_IN_MAILBOX_ID]
    return [
        Card(
            one,
            failed[one.account.id],
            is_first=[one.account.id] == movable[:1],
            is_last=[one.account.id] == movable[-1:],
            is_built_in=one.account.id == BUILT_IN_MAILBOX_ID,
        )
        for one in found
    ]


def _account_page(account_id: str, **facts: Any) -> str:
    now = web().clock()
    with web().read() as session:
        account = accounts.one(session, account_id)
        if account is None:
            raise NotFound("account", account_id)
        days = accounts.days(session, account_id)
        failed_test = account_tests.still_failed(session, account)
        others = [one for one in accounts.by_priority(session) if one.id != account_id]
    quota = quotas([account, *others], now)[0]
    return render_template(
        "account.html",
        quota=quota,
        account=account,
        days=account_course(days, now.astimezone(web().zone).date(), quota.sent),
        reset_at=next_midnight(now, web().zone),
        now=now,
        failed_test=failed_test,
        built_in=account.id == BUILT_IN_MAILBOX_ID,
        preset=provider_presets.of_host(account.host),
        **facts,
    )


def _form_page(form: SenderAccountForm, account: SenderAccount | None = None, preset: Preset | None = None) -> str:
    chosen = preset or provider_presets.of_host(form.host.data or "")
    return render_template(
        "account_form.html", form=form, account=account, preset=chosen, presets=provider_presets.PRESETS
    )


def _account(account_id: str) -> SenderAccount:
    with web().read() as session:
        account = accounts.one(session, account_id)
    if account is None:
        raise NotFound("account", account_id)
    return account
