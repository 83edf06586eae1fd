"""/api/v1/keys: API keys, their limits, and what a key may know of itself."""

from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from appliance.clock import local_date, next_midnight
from appliance.db.models import ApiKey
from appliance.db.queries import access
from appliance.errors import FieldError, NotFound
from appliance.services import allowance
from appliance.services.caller import Caller
from appliance.services.key_limits import Quota
from appliance.web import acting
from appliance.web.api import error_codes, form_second_look, key_documents, limits, operations, paging
from appliance.web.api.authentication import ANY, caller, needs
from appliance.web.api.key_schemas import KeyChange, KeyPath, KeyRequest
from appliance.web.api.representations import moment
from appliance.web.api.schemas import PageQuery
from appliance.web.context import web

TAG = Tag(name="keys", description="API keys: what each opens, what it may use, and how much of it.")

blueprint = APIBlueprint("keys", __name__, url_prefix="/keys", abp_tags=[TAG])


@blueprint.get("", operation_id="list_keys", summary="List API keys", responses={200: key_documents.KeyPage})
@needs("manage")
def index(query: PageQuery) -> Response:
    """Newest first, revoked ones too. Secrets are kept nowhere, so they are not shown."""
    with web().read() as session:
        found, next_id = access.api_key_page(session, before=paging.decode(query.cursor), limit=query.limit)
    return jsonify(paging.page([represented(one) for one in found], next_id))


def _require_right(body: KeyRequest) -> None:
    """Raises InvalidInput, or NotAllowed, with every wrong field."""
    errors = web().services.api_keys.faults(body.form(), _ceiling())
    if body.expires_at is not None and body.expires_at <= web().clock():
        errors.append(FieldError("expires_at", "This moment is past; give a later one, or leave it out."))
    if errors:
        raise allowance.refusal(errors)


_STAND_INS = {"name": "-", "scopes": ["read"]}
_second_look = form_second_look.at_form(KeyRequest, _STAND_INS, _require_right)
_second_look_at_change = form_second_look.at_form(KeyRequest, _STAND_INS, _require_right, whole=False)


@blueprint.post("", operation_id="create_key", summary="Create an API key", responses={201: key_documents.NewKey})
@needs("manage")
@_second_look
def create(body: KeyRequest) -> tuple[Response, int, dict[str, str]]:
    """The answer has the secret, once. A key can be given nothing that the key of the request does not have."""
    _require_right(body)
    made = web().services.api_keys.create(body.name, body.scopes, body.expires_at, body.limits(), by=_ceiling())
    document = represented(_existing(made.id)) | {"secret": made.secret}
    return jsonify(document), 201, {"Location": f"/api/v1/keys/{made.id}"}


@blueprint.get("/self", operation_id="show_own_key", summary="This API key", responses={200: key_documents.OwnKey})
@needs(ANY)
def show_own() -> Response:
    """What the key of the request may do, and what is left of its limits."""
    own = caller()
    rate = web().services.api_keys.rate(own)
    return jsonify(
        {
            "id": own.api_key_id,
            "name": own.name,
            "scopes": sorted(own.scopes),
            "allowed_accounts": list(own.limits.allowed_accounts),
            "allowed_from": list(own.limits.allowed_from),
            **limits.left(rate, _quota(own)),
            "expires_at": moment(own.expires_at),
        }
    )


@blueprint.get(
    "/<string:id>", operation_id="show_key", summary="One API key", responses={200: key_documents.KeyDocument}
)
@needs("manage")
def show(path: KeyPath) -> Response:
    return jsonify(represented(_existing(path.id)))


@blueprint.patch(
    "/<string:id>",
    operation_id="change_key",
    summary="Change, disable or enable an API key",
    responses={200: key_documents.KeyDocument},
)
@needs("manage")
@operations.refuses(error_codes.WRONG_STATE)
@_second_look_at_change
def change(path: KeyPath, body: KeyChange) -> Response:
    """Fields that are left out stay as they are. A key that was revoked stays so."""
    web().services.api_keys.change(path.id, body.changes(), by=_ceiling())
    return jsonify(represented(_existing(path.id)))


@blueprint.delete(
    "/<string:id>", operation_id="revoke_key", summary="Revoke an API key for good", responses={204: None}
)
@needs("manage")
def revoke(path: KeyPath) -> tuple[str, int]:
    """It opens nothing from now on. It stays in the list, and its messages go out."""
    web().services.api_keys.revoke(path.id)
    return "", 204


def represented(key: ApiKey) -> dict[str, Any]:
    keys, now = web().services.api_keys, web().clock()
    in_force = keys.limits_of(key)
    counted = in_force.daily_limit is not None
    return {
        "id": key.id,
        "name": key.name,
        "state": key.state(now),
        "scopes": key.scopes,
        "active": key.active,
        "requests_per_minute": key.requests_per_minute,
        "daily_limit": key.daily_limit,
        "allowed_accounts": key.allowed_accounts,
        "allowed_from": key.allowed_from,
        "in_force": {"requests_per_minute": in_force.requests_per_minute, "daily_limit": in_force.daily_limit},
        "used_today": key.used_on(local_date(now, web().zone)) if counted else None,
        "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at),
        "revoked_at": moment(key.revoked_at),
        "last_used_at": moment(keys.uses.last(key)),
    }


def _ceiling() -> Caller | None:
    """The command line of the box gives whatever it likes."""
    return None if caller().api_key_id == acting.LOCAL_ID else caller()


def _quota(own: Caller) -> Quota | None:
    limit = own.limits.daily_limit
    if limit is None:
        return None
    now = web().clock()
    used = _existing(own.api_key_id).used_on(local_date(now, web().zone))
    return Quota(limit, max(0, limit - used), next_midnight(now, web().zone))


def _existing(key_id: str) -> ApiKey:
    with web().read() as session:
        found = access.api_key(session, key_id)
    if found is None:
        raise NotFound("API key", key_id)
    return found
