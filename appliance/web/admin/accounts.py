"""/accounts: the sender accounts, in the order in which they are used."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from wtforms import BooleanField, IntegerField, PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Optional

from appliance.clock import next_midnight
from appliance.db.models import SenderAccount
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID, TransportKind
from appliance.db.queries import accounts
from appliance.errors import InvalidInput, NotFound, WrongState
from appliance.services.account_test import AccountReport
from appliance.services.sender_accounts import DEFAULT_PORTS, AccountForm
from appliance.web.admin.form import Form, stripped
from appliance.web.admin.notices import notice
from appliance.web.admin.status import quotas
from appliance.web.context import web

blueprint = Blueprint("accounts", __name__, url_prefix="/accounts")


class SenderAccountForm(Form):
    name = StringField("Name", [InputRequired("Give a name.")], description="Recipients see it as the sender.")
    email = StringField(
        "Address", [InputRequired("Give the address to send from.")], description="Mail is sent from it."
    )
    transport = SelectField("Sends through", choices=[str(kind) for kind in TransportKind], default="smtp")
    host = StringField("Server", filters=[stripped], description="Such as smtp.example.com.")
    port = IntegerField("Port", [Optional()], description="Empty: the usual port of the encryption.")
    security = SelectField("Encryption", choices=list(DEFAULT_PORTS), default="starttls")
    username = StringField("Username", filters=[stripped], description="Empty: the server asks for no login.")
    password = PasswordField("Password")
    daily_limit = IntegerField("Messages a day", [Optional()], description="Empty: no limit.")
    priority = IntegerField(
        "Priority", [Optional()], default=0, description="Accounts with a higher one are used first."
    )
    active = BooleanField("In use", default=True)

    def values(self) -> dict[str, Any]:
        """The fields of `AccountForm`."""
        given = {name: self._fields[name].data for name in AccountForm.__slots__}
        return given | {"priority": given["priority"] or 0, "email": stripped(given["email"])}


@blueprint.get("")
def index() -> str:
    now = web().clock()
    with web().read() as session:
        senders = accounts.by_priority(session)
    return render_template(
        "accounts.html", quotas=quotas(senders, now), reset_at=next_midnight(now, web().zone), now=now
    )


@blueprint.get("/new")
def new() -> str:
    return _form_page(SenderAccountForm())


@blueprint.post("/new")
def create() -> Any:
    form = SenderAccountForm()
    try:
        if not form.validate():
            return _form_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
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
        report = AccountReport(False, error.errors[0].message)
    return _account_page(account_id, report=report, to=to)


def _account_page(account_id: str, **facts: Any) -> str:
    now = web().clock()
    with web().read() as session:
        account = accounts.one(session, account_id)
        days = accounts.days(session, account_id)
    if account is None:
        raise NotFound("account", account_id)
    return render_template(
        "account.html",
        quota=quotas([account], now)[0],
        account=account,
        days=days,
        reset_at=next_midnight(now, web().zone),
        now=now,
        built_in=account.id == BUILT_IN_MAILBOX_ID,
        **facts,
    )


def _form_page(form: SenderAccountForm, account: SenderAccount | None = None) -> str:
    return render_template("account_form.html", form=form, account=account)


def _account(account_id: str) -> SenderAccount:
    with web().read() as session:
        account = accounts.one(session, account_id)
    if account is None:
        raise NotFound("account", account_id)
    return account
