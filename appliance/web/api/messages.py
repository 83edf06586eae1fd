"""/api/v1/messages"""

from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from appliance.db.queries import attachments as stored_attachments
from appliance.db.queries import messages, templates
from appliance.errors import Forbidden, NotFound
from appliance.services.idempotency import Once
from appliance.services.submission import Accepted
from appliance.web.api import (
    commands,
    documents,
    error_codes,
    examples,
    limits,
    operations,
    paging,
    representations,
    second_look,
)
from appliance.web.api.authentication import caller, needs
from appliance.web.api.schemas import MessagePath, MessageQuery, MessageRequest, SubmitQuery
from appliance.web.api.standing_documents import MessageChanged
from appliance.web.context import web

TAG = Tag(name="messages", description="Submit messages and follow them.")

blueprint = APIBlueprint("messages", __name__, url_prefix="/messages", abp_tags=[TAG])

_RAW = {"content": {"message/rfc822": {"schema": {"type": "string"}, "example": examples.RAW}}}


@blueprint.post(
    "",
    operation_id="submit_message",
    summary="Submit a message",
    responses={200: documents.DryRun, 202: documents.Accepted},
)
@needs("send")
@operations.repeatable
@second_look.at_message
def submit(query: SubmitQuery, body: MessageRequest) -> tuple[Response, int, dict[str, str]]:
    """Durable before the answer: whatever happens after the 202, the message goes out or says why it does not.

    With `dry_run` the answer is 200, shows what would become of the message, and nothing is stored.
    """
    once = commands.once(body)
    if query.dry_run:
        prepared = commands.prepare(body)
        result = web().services.dry_run.run(commands.filled(prepared).command, prepared.contents, caller().limits)
        return jsonify(representations.dry_run(result)), 200, {}
    accepted = web().services.submission.earlier(once) or _accepted(body, once)
    headers = {"Location": f"/api/v1/messages/{accepted.id}", **limits.quota(accepted.quota)}
    if accepted.replayed:
        headers["Idempotent-Replay"] = "true"
    return jsonify(representations.accepted(accepted)), 202, headers


def _accepted(body: MessageRequest, once: Once | None) -> Accepted:
    prepared = commands.prepare(body)
    with commands.files_kept([prepared]):
        return web().services.submission.submit(prepared.command, commands.submitter(), once)


@blueprint.get("", operation_id="list_messages", summary="List messages", responses={200: documents.MessagePage})
@needs("read")
def index(query: MessageQuery) -> Response:
    """Newest first. Only `next_cursor: null` says that there are no more.

    A filter that many messages fit is answered whole, and so is one that few fit. Metadata, and filters that many fit
    each and hardly any together, are looked for in 10,000 messages a page: it may be empty and have a `next_cursor`.
    """
    if query.key and caller().sees_only is not None:
        raise Forbidden("This API key lacks the scope 'manage', which the filter 'key' needs. Create one that has it.")
    filters = messages.Filters(
        status=tuple(query.status),
        recipient=query.recipient,
        tag=query.tag,
        account=query.account,
        template=query.template,
        since=query.since,
        until=query.until,
        q=query.q,
        key=query.key,
        reason=query.reason or "",
        subject=query.subject,
        metadata=tuple(query.metadata.items()),
        api_key_id=caller().sees_only,
    )
    with web().read() as session:
        page = messages.page(session, filters, before=paging.decode(query.cursor), limit=query.limit)
        slugs = templates.slugs_of(session, (one.template_id for one in page.items))
        accounts = messages.last_accounts(session, (one.id for one in page.items))
        items = [
            representations.message_summary(
                one, page.recipients[one.id], slugs.get(one.template_id or ""), accounts.get(one.id)
            )
            for one in page.items
        ]
    return jsonify(paging.page(items, page.next_id))


@blueprint.get(
    "/<string:id>",
    operation_id="show_message",
    summary="One message with everything that happened to it",
    responses={200: documents.MessageDetail},
)
@needs("read")
def show(path: MessagePath) -> Response:
    return _one(path.id)


@blueprint.get(
    "/<string:id>/raw",
    operation_id="show_raw_message",
    summary="The message in RFC 5322 form",
    responses={200: _RAW},
)
@needs("read")
@operations.refuses(error_codes.WRONG_STATE, error_codes.CONTENT_REMOVED)
def raw(path: MessagePath) -> Response:
    """As it was sent, or as it would be sent now: headers, bodies, attachments."""
    data = web().services.raw_messages.render(path.id, api_key_id=caller().sees_only)
    return Response(data, headers={"Content-Disposition": "attachment"}, content_type="message/rfc822")


@blueprint.post(
    "/<string:id>/cancel",
    operation_id="cancel_message",
    summary="Cancel a message that is not being sent yet",
    responses={200: MessageChanged},
)
@needs("send")
@operations.refuses(error_codes.WRONG_STATE)
def cancel(path: MessagePath) -> Response:
    web().services.messages.cancel(path.id, api_key_id=caller().sees_only)
    return _changed(path.id)


@blueprint.post(
    "/<string:id>/retry",
    operation_id="retry_message",
    summary="Queue a message again for those who did not get it",
    responses={200: MessageChanged},
)
@needs("send")
@operations.refuses(error_codes.WRONG_STATE, error_codes.CONTENT_REMOVED)
def retry(path: MessagePath) -> Response:
    web().services.messages.retry(path.id, api_key_id=caller().sees_only)
    return _changed(path.id)


@blueprint.delete(
    "/<string:id>",
    operation_id="delete_message",
    summary="Delete a message that has ended",
    responses={204: None},
)
@needs("manage")
@operations.refuses(error_codes.WRONG_STATE)
def delete(path: MessagePath) -> tuple[str, int]:
    """For good: its recipients, attempts and content go with it. Figures that counted it stay."""
    web().services.messages.delete(path.id)
    return "", 204


def _changed(message_id: str) -> Response:
    """What a message says is only for keys that may read."""
    if "read" in caller().scopes:
        return _one(message_id)
    with web().read() as session:
        return jsonify(representations.message_standing(_found(session, message_id)))


def _one(message_id: str) -> Response:
    with web().read() as session:
        files = stored_attachments.of_message(session, message_id)
        return jsonify(representations.message_detail(_found(session, message_id), files))


def _found(session: Any, message_id: str) -> messages.Detail:
    detail = messages.detail(session, message_id, api_key_id=caller().sees_only, now=web().clock())
    if detail is None:
        raise NotFound("message", message_id)
    return detail
