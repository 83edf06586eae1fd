"""What a message consists of, each in an answer of its own: its HTML for a frame, its source, its attachments."""

from functools import partial
from io import BytesIO
from typing import Any

from flask import Response, render_template, send_file

from appliance.db.models import Message, MessageAttachment
from appliance.db.queries import attachments, messages
from appliance.db.queries.messages import Detail
from appliance.errors import NotFound, WrongState
from appliance.services import mail_reading
from appliance.services.mail_reading import ReadMail
from appliance.web import security
from appliance.web.context import web

SOURCE_SHOWN = 256 * 1024  # bytes; the whole of it is a download


def html(message_id: str) -> Response:
    """The HTML body as recipients see it, for a frame that nothing gets out of; images of its own are part of it."""
    found = detail(message_id)
    if found.body is None or found.body.html is None:
        raise NotFound("HTML of message", message_id)
    content = _with_images(message_id) if any(one.content_id for one in files(message_id)) else found.body.html
    return security.as_mail(Response(content, content_type="text/html; charset=utf-8"))


def source(message_id: str) -> str:
    """Headers and bytes as they go over the wire, or why there are none yet."""
    message = detail(message_id).message
    try:
        data = web().services.raw_messages.render(message_id)
    except WrongState as error:
        return _source_page(message, trouble=str(error))
    return _source_page(
        message,
        headers=_read(data).headers,
        source=data[:SOURCE_SHOWN].decode("utf-8", "replace"),
        cut=len(data) > SOURCE_SHOWN,
        size=len(data),
    )


def raw(message_id: str) -> Response:
    """Raises NotFound, WrongState."""
    return download(web().services.raw_messages.render(message_id), f"{message_id}.eml", "message/rfc822")


def attachment(message_id: str, number: int) -> Response:
    """Raises NotFound, also for one that is no longer kept."""
    those = files(message_id)
    wanted = those[number] if number < len(those) else None
    if wanted is None or wanted.removed_at is not None:
        raise NotFound("attachment", str(number))
    content = web().services.attachments.content(wanted.sha256)
    return download(content, wanted.filename, wanted.content_type)


def download(data: bytes, filename: str, content_type: str) -> Response:
    """Never shown in our own origin, whatever it claims to be."""
    response = send_file(BytesIO(data), mimetype=content_type, as_attachment=True, download_name=filename)
    response.headers["Content-Security-Policy"] = security.MAIL_POLICY
    response.headers["Cache-Control"] = "no-store"
    return response


def detail(message_id: str) -> Detail:
    """Raises NotFound."""
    with web().read() as session:
        found = messages.detail(session, message_id, now=web().clock())
    if found is None:
        raise NotFound("message", message_id)
    return found


def files(message_id: str) -> list[MessageAttachment]:
    with web().read() as session:
        return list(attachments.of_message(session, message_id))


def _with_images(message_id: str) -> str:
    try:
        data = web().services.raw_messages.render(message_id)
    except WrongState:  # there is no account to write it with, or a file is gone: without images then
        found = detail(message_id).body
        return (found.html if found else None) or ""
    shown: str = web().run_native(lambda: mail_reading.read(data).html_with_images())
    return shown


def _read(data: bytes) -> ReadMail:
    read: ReadMail = web().run_native(partial(mail_reading.read, data))
    return read


def _source_page(message: Message, **facts: Any) -> str:
    return render_template("message_source.html", message=message, **facts)
