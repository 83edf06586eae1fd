"""/messages: find a message, see what happened to it, retry or cancel it, send a test."""

from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request, url_for

from appliance.db.models import Message
from appliance.db.models.message import RETRYABLE, UNFINISHED, WAITING, MessageStatus
from appliance.db.queries import accounts, attachments, messages
from appliance.errors import NotFound, WrongState
from appliance.services import intake
from appliance.services.explanation import explain
from appliance.services.submission import SubmitMessage, Submitter
from appliance.web import security
from appliance.web.admin.message_filters import MessageFilters
from appliance.web.admin.notices import notice
from appliance.web.api.representations import PRIORITIES, scene
from appliance.web.context import web

blueprint = Blueprint("messages", __name__, url_prefix="/messages")

PAGE = 50


@blueprint.get("")
def index() -> str:
    filters = MessageFilters.of(request.args, web().zone)
    before = request.args.get("before") or None
    with web().read() as session:
        page = messages.page(session, filters.query(), before=before, limit=PAGE)
        senders = accounts.by_priority(session)
    return render_template(
        "messages.html",
        page=page,
        filters=filters,
        before=before,
        senders=senders,
        states=[str(status) for status in MessageStatus],
    )


@blueprint.post("/test")
def send_test() -> Any:
    """Goes the way of every message, so it shows whether that way is clear."""
    try:
        recipient = intake.address(request.form.get("to", "").strip())
    except ValueError as error:
        notice("test_refused", reason=str(error))
        return redirect(url_for(".index"))
    command = SubmitMessage(
        to=(recipient,),
        subject=render_template("mail/test_subject.txt").strip(),
        text=render_template("mail/test.txt"),
        html=render_template("mail/test.html"),
        tags=("test",),
    )
    accepted = web().services.submission.submit(command, Submitter(None, g.request_id))
    return redirect(url_for(".show", message_id=accepted.id))


@blueprint.get("/<message_id>")
def show(message_id: str) -> str:
    detail = _detail(message_id)
    with web().read() as session:
        files = attachments.of_message(session, message_id)
    status = detail.message.status
    return render_template(
        "message.html",
        detail=detail,
        attachments=files,
        message=detail.message,
        now=web().clock(),
        explanation=explain(scene(detail)),
        accounts={account.id: account for account in detail.accounts},
        priorities=PRIORITIES,
        can_retry=status in RETRYABLE and not _expired(detail.message) and detail.message.content_removed_at is None,
        can_cancel=status in WAITING,
        unfinished=status in UNFINISHED,
    )


@blueprint.get("/<message_id>/html")
def html(message_id: str) -> Response:
    """The HTML body as recipients see it, for a frame that nothing gets out of."""
    body = _detail(message_id).body
    if body is None or body.html is None:
        raise NotFound("HTML of message", message_id)
    return security.as_mail(Response(body.html, content_type="text/html; charset=utf-8"))


@blueprint.post("/<message_id>/retry")
def retry(message_id: str) -> Any:
    return _do(web().services.messages.retry, "retried", message_id)


@blueprint.post("/<message_id>/cancel")
def cancel(message_id: str) -> Any:
    return _do(web().services.messages.cancel, "cancelled", message_id)


def _do(change: Any, key: str, message_id: str) -> Any:
    """The message may have moved on since the page was drawn: then the page says so."""
    try:
        change(message_id)
        notice(key)
    except WrongState as error:
        notice("wrong_state", reason=str(error))
    return redirect(url_for(".show", message_id=message_id))


def _expired(message: Message) -> bool:
    return message.expires_at is not None and message.expires_at <= web().clock()


def _detail(message_id: str) -> messages.Detail:
    with web().read() as session:
        found = messages.detail(session, message_id, now=web().clock())
    if found is None:
        raise NotFound("message", message_id)
    return found
