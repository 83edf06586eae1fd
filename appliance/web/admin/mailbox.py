"""/mailbox: what the built-in mailbox keeps, as a recipient would see it."""

from io import BytesIO
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, send_file, url_for

from appliance.db.models import KeptMail
from appliance.db.queries import mailbox
from appliance.errors import NotFound
from appliance.services import mail_reading
from appliance.services.mail_reading import ReadMail
from appliance.web import security
from appliance.web.admin.notices import notice
from appliance.web.context import web

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")

PAGE = 50
SOURCE_SHOWN = 256 * 1024  # bytes; the whole of it is a download


@blueprint.get("")
def index() -> str:
    q = request.args.get("q", "").strip()[:200]
    before = request.args.get("before") or None
    with web().read() as session:
        mails, next_id = mailbox.page(session, before=before, limit=PAGE, q=q)
        count = mailbox.count(session)
    return render_template("mailbox.html", mails=mails, next_id=next_id, before=before, q=q, count=count)


@blueprint.post("/empty")
def empty() -> Any:
    notice("mailbox_emptied", count=web().services.mailbox.empty())
    return redirect(url_for(".index"))


@blueprint.get("/<mail_id>")
def show(mail_id: str) -> str:
    mail = _mail(mail_id)
    source = mail.data[:SOURCE_SHOWN].decode("utf-8", "replace")
    return render_template("mail.html", mail=mail, read=_read(mail), source=source, source_cut=mail.size > SOURCE_SHOWN)


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
    return _download(mail.data, f"{mail.id}.eml", "message/rfc822")


@blueprint.get("/<mail_id>/attachments/<int:number>")
def attachment(mail_id: str, number: int) -> Response:
    attachments = _read(_mail(mail_id)).attachments
    if number >= len(attachments) or not attachments[number].complete:
        raise NotFound("attachment", str(number))
    wanted = attachments[number]
    return _download(wanted.content, wanted.filename, wanted.content_type)


def _download(data: bytes, filename: str, content_type: str) -> Response:
    """Never shown in our own origin, whatever it claims to be."""
    response = send_file(BytesIO(data), mimetype=content_type, as_attachment=True, download_name=filename)
    response.headers["Content-Security-Policy"] = security.MAIL_POLICY
    response.headers["Cache-Control"] = "no-store"
    return response


def _mail(mail_id: str) -> KeptMail:
    with web().read() as session:
        mail = mailbox.one(session, mail_id)
    if mail is None:
        raise NotFound("mail", mail_id)
    return mail


def _read(mail: KeptMail) -> ReadMail:
    return mail_reading.read(mail.data)
