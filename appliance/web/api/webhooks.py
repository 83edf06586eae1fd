"""/api/v1/webhooks: endpoints that are told what happens, and the log of what they were told."""

from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from appliance.db.queries import webhooks
from appliance.errors import NotFound
from appliance.web.api import (
    error_codes,
    form_second_look,
    operations,
    paging,
    webhook_documents,
    webhook_representations,
)
from appliance.web.api.authentication import caller, needs
from appliance.web.api.webhook_schemas import (
    DeliveryPath,
    DeliveryQuery,
    ReplayRequest,
    WebhookChange,
    WebhookPath,
    WebhookQuery,
    WebhookRequest,
)
from appliance.web.context import web

TAG = Tag(name="webhooks", description="Endpoints that are told what happens to messages and sender accounts.")

blueprint = APIBlueprint("webhooks", __name__, url_prefix="/webhooks", abp_tags=[TAG])


@blueprint.get(
    "", operation_id="list_webhooks", summary="List webhook endpoints", responses={200: webhook_documents.WebhookPage}
)
@needs("read")
def index(query: WebhookQuery) -> Response:
    """Newest first. A key without `manage` sees its own."""
    before = paging.decode(query.cursor)
    with web().read() as session:
        found, next_id = webhooks.page(session, before=before, limit=query.limit, api_key_id=caller().sees_only)
    return jsonify(paging.page([webhook_representations.endpoint(one) for one in found], next_id))


def _require_right(body: WebhookRequest) -> None:
    web().services.webhook_endpoints.require_right(body.form())


_STAND_INS = {"url": "https://example.com/"}
_second_look = form_second_look.at_form(WebhookRequest, _STAND_INS, _require_right)
_second_look_at_change = form_second_look.at_form(WebhookRequest, _STAND_INS, _require_right, whole=False)


@blueprint.post(
    "",
    operation_id="create_webhook",
    summary="Create a webhook endpoint",
    responses={201: webhook_documents.WebhookWithSecret},
)
@needs("send")
@operations.refuses(error_codes.WRONG_STATE)
@_second_look
def create(body: WebhookRequest) -> tuple[Response, int, dict[str, str]]:
    """One that a key with `manage` creates is told of everything, that of another key of the key's own messages."""
    made = web().services.webhook_endpoints.create(body.form(), api_key_id=caller().sees_only)
    shown = _shown(made.id) | {"secret": made.secret}
    return jsonify(shown), 201, {"Location": f"/api/v1/webhooks/{made.id}"}


@blueprint.get(
    "/<string:id>",
    operation_id="show_webhook",
    summary="One webhook endpoint",
    responses={200: webhook_documents.WebhookDocument},
)
@needs("read")
def show(path: WebhookPath) -> Response:
    return jsonify(_shown(path.id))


@blueprint.patch(
    "/<string:id>",
    operation_id="change_webhook",
    summary="Change a webhook endpoint",
    responses={200: webhook_documents.WebhookDocument},
)
@needs("send")
@_second_look_at_change
def change(path: WebhookPath, body: WebhookChange) -> Response:
    """Fields that are left out stay as they are. Webhooks that wait already go to the new URL."""
    web().services.webhook_endpoints.change(path.id, body.changes(), api_key_id=caller().sees_only)
    return jsonify(_shown(path.id))


@blueprint.delete(
    "/<string:id>", operation_id="delete_webhook", summary="Delete a webhook endpoint", responses={204: None}
)
@needs("send")
def delete(path: WebhookPath) -> tuple[str, int]:
    """With its log. It is told nothing more, also of what waited."""
    web().services.webhook_endpoints.delete(path.id, api_key_id=caller().sees_only)
    return "", 204


@blueprint.post(
    "/<string:id>/test",
    operation_id="test_webhook",
    summary="Send an event `webhook.test` now, and wait for the answer",
    responses={200: webhook_documents.WebhookTestReport},
)
@needs("send")
def test(path: WebhookPath) -> Response:
    """Also while the endpoint is paused. It is not tried again."""
    report = web().services.webhook_replay.test(path.id, api_key_id=caller().sees_only)
    return jsonify(webhook_representations.report(report))


@blueprint.post(
    "/<string:id>/pause",
    operation_id="pause_webhook",
    summary="Stop sending to a webhook endpoint",
    responses={200: webhook_documents.WebhookDocument},
)
@needs("send")
def pause(path: WebhookPath) -> Response:
    """What happens in the next 24 hours is kept for it."""
    web().services.webhook_endpoints.pause(path.id, api_key_id=caller().sees_only)
    return jsonify(_shown(path.id))


@blueprint.post(
    "/<string:id>/resume",
    operation_id="resume_webhook",
    summary="Send to a webhook endpoint again",
    responses={200: webhook_documents.WebhookDocument},
)
@needs("send")
def resume(path: WebhookPath) -> Response:
    """What has waited for it goes out at once."""
    web().services.webhook_endpoints.resume(path.id, api_key_id=caller().sees_only)
    return jsonify(_shown(path.id))


@blueprint.post(
    "/<string:id>/rotate-secret",
    operation_id="rotate_webhook_secret",
    summary="Replace the secret of a webhook endpoint",
    responses={200: webhook_documents.WebhookWithSecret},
)
@needs("send")
def rotate_secret(path: WebhookPath) -> Response:
    """The one before signs as well for 24 hours, so that receivers can change over meanwhile."""
    made = web().services.webhook_endpoints.replace_secret(path.id, api_key_id=caller().sees_only)
    return jsonify(_shown(path.id) | {"secret": made.secret})


@blueprint.get(
    "/<string:id>/deliveries",
    operation_id="list_webhook_deliveries",
    summary="What a webhook endpoint was told",
    responses={200: webhook_documents.WebhookDeliveryPage},
)
@needs("read")
def deliveries(path: WebhookPath, query: DeliveryQuery) -> Response:
    """Newest first."""
    before = paging.decode(query.cursor)
    with web().read() as session:
        if webhooks.one(session, path.id, caller().sees_only) is None:
            raise NotFound("webhook", path.id)
        found, next_id = webhooks.deliveries(session, path.id, before=before, limit=query.limit, state=query.status)
    return jsonify(paging.page([webhook_representations.delivery(one) for one in found], next_id))


@blueprint.post(
    "/<string:id>/replay",
    operation_id="replay_webhooks",
    summary="Send again what failed since a moment",
    responses={200: webhook_documents.WebhookReplayed},
)
@needs("send")
@operations.refuses(error_codes.WRONG_STATE)
def replay(path: WebhookPath, body: ReplayRequest) -> Response:
    """Under the same webhook-ids. Safe to repeat."""
    count = web().services.webhook_replay.failed_since(path.id, body.since, api_key_id=caller().sees_only)
    return jsonify({"replayed": count})


@blueprint.get(
    "/deliveries/<string:id>",
    operation_id="show_webhook_delivery",
    summary="One delivery with its attempts",
    responses={200: webhook_documents.WebhookDeliveryDetail},
)
@needs("read")
def show_delivery(path: DeliveryPath) -> Response:
    return jsonify(_shown_delivery(path.id))


@blueprint.post(
    "/deliveries/<string:id>/replay",
    operation_id="replay_webhook_delivery",
    summary="Send a delivery again",
    responses={200: webhook_documents.WebhookDeliveryDetail},
)
@needs("send")
@operations.refuses(error_codes.WRONG_STATE)
def replay_delivery(path: DeliveryPath) -> Response:
    """Under the same webhook-id; one that waits for its next attempt is sent now."""
    web().services.webhook_replay.one(path.id, api_key_id=caller().sees_only)
    return jsonify(_shown_delivery(path.id))


def _shown(endpoint_id: str) -> dict[str, Any]:
    with web().read() as session:
        found = webhooks.one(session, endpoint_id, caller().sees_only)
        if found is None:
            raise NotFound("webhook", endpoint_id)
        return webhook_representations.endpoint(found)


def _shown_delivery(delivery_id: str) -> dict[str, Any]:
    with web().read() as session:
        found = webhooks.delivery(session, delivery_id, caller().sees_only)
        if found is None:
            raise NotFound("webhook delivery", delivery_id)
        return webhook_representations.delivery_detail(found, webhooks.attempts(session, delivery_id))
