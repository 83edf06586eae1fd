"""/messages: find a message, see what happened to it, have it sent again or not at all, send a test."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_babel import gettext as _

from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.message_sets import SetAction
from appliance.db.queries import access, accounts, messages, templates
from appliance.errors import IdempotencyKeyReused, WrongState
from appliance.services.submission import SubmitMessage, Submitter
from appliance.web.admin import compose_parts, message_bulk, message_export, message_parts, once
from appliance.web.admin.message_detail import detail_page
from appliance.web.admin.message_filters import MessageFilters
from appliance.web.admin.notices import notice
from appliance.web.admin.trail import Trail
from appliance.web.context import web

blueprint = Blueprint("messages", __name__, url_prefix="/messages")

PAGE = 50
MOST_OFFERED = 200  # templates and keys in a list to choose from
TAGS_SHOWN = 2  # in a line of the list, beside the subject

blueprint.add_url_rule("/export.csv", view_func=message_export.export)
blueprint.add_url_rule("/count", view_func=message_bulk.total)
blueprint.add_url_rule("/bulk", view_func=message_bulk.review)
blueprint.add_url_rule("/bulk", view_func=message_bulk.start, methods=["POST"])
blueprint.add_url_rule("/<message_id>/html", view_func=message_parts.html)
blueprint.add_url_rule("/<message_id>/source", view_func=message_parts.source)
blueprint.add_url_rule("/<message_id>/raw", view_func=message_parts.raw)
blueprint.add_url_rule("/<message_id>/attachments/<int:number>", view_func=message_parts.attachment)


@blueprint.get("")
def index() -> Any:
    filters, trail = MessageFilters.of(request.args, web().zone), Trail.of_request()
    with web().read() as session:
        if filters.wrong:
            page = messages.Page((), {}, None)
        else:
            page = messages.page(session, filters.query(), before=trail.before, limit=PAGE)
        senders = accounts.by_priority(session)
        tried = messages.last_accounts(session, (one.id for one in page.items))
        keys, _ = access.api_key_page(session, limit=MOST_OFFERED)
        offered, _ = templates.page(session, limit=MOST_OFFERED)
    shown = render_template(
        "messages.html",
        page=page,
        filters=filters,
        trail=trail,
        senders=senders,
        tried=tried,
        keys=keys,
        templates=offered,
        tags_shown=TAGS_SHOWN,
        states=[str(status) for status in MessageStatus],
        reasons=[str(reason) for reason in Reason],
        actions=[str(action) for action in (SetAction.RETRY, SetAction.RELEASE, SetAction.CANCEL, SetAction.DELETE)],
    )
    return shown, HTTPStatus.UNPROCESSABLE_ENTITY if filters.wrong else HTTPStatus.OK


@blueprint.post("/test")
def send_test() -> Any:
    """Goes the way of every message, so it shows whether that way is clear. A double click sends one."""
    try:
        recipient = compose_parts.address(request.form.get("to", ""))
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
    try:
        accepted = web().services.submission.submit(command, Submitter(None, g.request_id), once.given() or None)
    except IdempotencyKeyReused:
        notice("test_refused", reason=_("this form has sent one already, to another address. Send again."))
        return redirect(url_for(".index"))
    return redirect(url_for(".show", message_id=accepted.id))


@blueprint.get("/<message_id>")
def show(message_id: str) -> str:
    return detail_page(message_id)


@blueprint.post("/<message_id>/retry")
def retry(message_id: str) -> Any:
    return _do(web().services.messages.retry, "retried", message_id)


@blueprint.post("/<message_id>/release")
def release(message_id: str) -> Any:
    return _do(web().services.messages.release, "released", message_id)


@blueprint.post("/<message_id>/cancel")
def cancel(message_id: str) -> Any:
    return _do(web().services.messages.cancel, "cancelled", message_id)


@blueprint.post("/<message_id>/delete")
def delete(message_id: str) -> Any:
    try:
        web().services.messages.delete(message_id)
    except WrongState as error:
        notice("wrong_state", reason=str(error))
        return redirect(url_for(".show", message_id=message_id))
    notice("message_deleted")
    return redirect(url_for(".index"))


def _do(change: Any, key: str, message_id: str) -> Any:
    """The message may have moved on since the page was drawn: then the page says so."""
    try:
        change(message_id)
        notice(key)
    except WrongState as error:
        notice("wrong_state", reason=str(error))
    return redirect(url_for(".show", message_id=message_id))
