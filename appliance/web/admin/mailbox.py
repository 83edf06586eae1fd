"""/mailbox: what the built-in mailbox keeps, as a recipient would see it, and the way out of it."""

import secrets
from functools import partial
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request, url_for

from appliance.clock import local_date
from appliance.db.models import KeptMail, SenderAccount
from appliance.db.models.sender_account import AccountState, TransportKind
from appliance.db.queries import accounts, mailbox
from appliance.errors import InvalidInput, NotFound, WrongState
from appliance.services import mail_reading
from appliance.services.mail_reading import ReadMail
from appliance.services.mailbox_release import Release
from appliance.web import security
from appliance.web.admin.message_parts import SOURCE_SHOWN, download
from appliance.web.admin.notices import notice
from appliance.web.admin.trail import Trail
from appliance.web.context import web

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")

PAGE = 50


@blueprint.get("")
def index() -> str:
    q, trail = request.args.get("q", "").strip()[:200], Trail.of_request()
    with web().read() as session:
        mails, next_id = mailbox.page(session, before=trail.before, limit=PAGE, q=q)
        count = mailbox.count(session)
    return render_template("mailbox.html", mails=mails, next_id=next_id, trail=trail, q=q, count=count)


@blueprint.post("/empty")
def empty() -> Any:
    notice("mailbox_emptied", count=web().services.mailbox.empty())
    return redirect(url_for(".index"))


@blueprint.get("/<mail_id>")
def show(mail_id: str) -> str:
    mail = _mail(mail_id)
    senders = _senders()
    return render_template(
        "mail.html",
        mail=mail,
        read=_read(mail),
        source=mail.data[:SOURCE_SHOWN].decode("utf-8", "replace"),
        source_cut=mail.size > SOURCE_SHOWN,
        senders=senders,
        preferred=next((one.id for one, state in senders if state == AccountState.READY), None),
        once=secrets.token_urlsafe(16),
    )


@blueprint.post("/<mail_id>/release")
def release(mail_id: str) -> Any:
    """Leads to the new message, which shows itself on its way."""
    wanted = Release(
        mail_id,
        request.form.get("account", "")[:40],
        request.form.get("once", "")[:64] or secrets.token_urlsafe(16),
        g.request_id,
    )
    try:
        message_id = web().services.mailbox_release.release(wanted)
    except InvalidInput as error:
        notice("wrong_state", reason=error.errors[0].message)
        return redirect(url_for(".show", mail_id=mail_id))
    except WrongState as error:
        notice("wrong_state", reason=str(error))
        return redirect(url_for(".show", mail_id=mail_id))
    notice("mail_released")
    return redirect(url_for("admin.messages.show", message_id=message_id))


@blueprint.post("/<mail_id>/delete")
def delete(mail_id: str) -> Any:
    web().services.mailbox.delete(mail_id)
    notice("mail_deleted")
    return redirect(url_for(".index"))


@blueprint.get("/<mail_id>/html")
def html(mail_id: str) -> Response:
    """For a frame that nothing gets out of; images that came with the mail are part of it."""
    read = _read(_mail(mail_id))
    if read.html is None:
        raise NotFound("HTML of mail", mail_id)
    return security.as_mail(Response(read.html_with_images(), content_type="text/html; charset=utf-8"))


@blueprint.get("/<mail_id>/source")
def source(mail_id: str) -> Response:
    mail = _mail(mail_id)
    return download(mail.data, f"{mail.id}.eml", "message/rfc822")


@blueprint.get("/<mail_id>/attachments/<int:number>")
def attachment(mail_id: str, number: int) -> Response:
    attachments = _read(_mail(mail_id)).attachments
    if number >= len(attachments) or not attachments[number].complete:
        raise NotFound("attachment", str(number))
    wanted = attachments[number]
    return download(wanted.content, wanted.filename, wanted.content_type)


def _mail(mail_id: str) -> KeptMail:
    with web().read() as session:
        mail = mailbox.one(session, mail_id)
    if mail is None:
        raise NotFound("mail", mail_id)
    return mail


def _senders() -> list[tuple[SenderAccount, AccountState]]:
    """Those that send to a server, and how each stands."""
    now = web().clock()
    today = local_date(now, web().zone)
    with web().read() as session:
        found = [one for one in accounts.by_priority(session) if one.transport == TransportKind.SMTP]
    return [(one, one.state(now, today)) for one in found]


def _read(mail: KeptMail) -> ReadMail:
    read: ReadMail = web().run_native(partial(mail_reading.read, mail.data))
    return read
