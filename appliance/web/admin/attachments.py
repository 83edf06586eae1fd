"""/attachments: files that messages can name, and how long they can."""

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for

from appliance.db.models import Attachment
from appliance.db.queries import attachments
from appliance.errors import InvalidInput, LimitReached, NotFound
from appliance.services.attachment_files import AttachmentDamaged
from appliance.web.admin.notices import notice
from appliance.web.context import web

blueprint = Blueprint("attachments", __name__, url_prefix="/attachments")

PAGE = 50
LONGEST = 200
UNKNOWN_TYPE = "application/octet-stream"


@blueprint.get("")
def index() -> str:
    return _page()


@blueprint.post("")
def upload() -> Any:
    file = request.files.get("file")
    if file is None or not file.filename:
        return _page(upload_error="missing"), 422
    try:
        content = file.read()
        web().services.attachments.upload(file.filename, file.mimetype or None, content, None)
    except InvalidInput as error:
        return _page(upload_error=error.errors[0].message), 422
    except LimitReached as error:
        return _page(upload_error=str(error)), 507
    notice("attachment_uploaded", name=file.filename)
    return redirect(url_for(".index"))


@blueprint.get("/<attachment_id>/download")
def download(attachment_id: str) -> Response:
    """Never shown by the browser itself: anybody may have made it."""
    found = _one(attachment_id)
    try:
        content = web().services.attachments.content(found.sha256)
    except AttachmentDamaged as error:
        raise NotFound("file of the attachment", attachment_id) from error
    response = Response(content, content_type=UNKNOWN_TYPE)
    response.headers.set("Content-Disposition", "attachment", filename=found.filename)
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


@blueprint.post("/<attachment_id>/delete")
def delete(attachment_id: str) -> Any:
    """Somebody else may have deleted it since the page was drawn: then there is nothing left to do."""
    try:
        web().services.attachments.delete(attachment_id, None)
        notice("attachment_deleted")
    except NotFound:
        notice("attachment_gone")
    return redirect(url_for(".index"))


def _one(attachment_id: str) -> Attachment:
    with web().read() as session:
        found = attachments.one(session, attachment_id, api_key_id=None, now=web().clock())
    if found is None:
        raise NotFound("attachment", attachment_id)
    return found


def _page(**facts: Any) -> str:
    q, before = request.args.get("q", "").strip()[:LONGEST], request.args.get("before") or None
    with web().read() as session:
        found, next_id = attachments.page(session, now=web().clock(), before=before, limit=PAGE, q=q)
        uses = {one.id: attachments.uses(session, one.sha256) for one in found}
        keys = attachments.uploaders(session, [one.api_key_id for one in found])
    limits = web().settings.limits
    listing = {"found": found, "uses": uses, "keys": keys, "next_id": next_id, "before": before, "q": q}
    return render_template("attachments.html", most_uses=attachments.MOST_USES, limits=limits, **listing, **facts)
