"""/api/v1/accounts"""

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from appliance.db.queries import accounts
from appliance.errors import NotFound
from appliance.services.sender_accounts import AccountForm, check
from appliance.web.api import bodies, documents, error_codes, form_second_look, operations, paging, representations
from appliance.web.api.account_schemas import AccountChange, AccountPath, AccountRequest, AccountTestRequest
from appliance.web.api.authentication import needs
from appliance.web.api.schemas import PageQuery
from appliance.web.context import web

TAG = Tag(name="accounts", description="The SMTP accounts that messages go out through.")

blueprint = APIBlueprint("accounts", __name__, url_prefix="/accounts", abp_tags=[TAG])


@blueprint.get("", operation_id="list_accounts", summary="List sender accounts", responses={200: documents.AccountPage})
@needs("manage")
def index(query: PageQuery) -> Response:
    with web().read() as session:
        found, next_id = accounts.page(session, after=paging.decode(query.cursor), limit=query.limit)
        items = [representations.account(one) for one in found]
    return jsonify(paging.page(items, next_id))


def _form(body: AccountRequest) -> AccountForm:
    return AccountForm(**body.model_dump())


def _require_right(body: AccountRequest) -> None:
    check(_form(body))


_STAND_INS = {"name": "-", "email": "somebody@example.com"}
_second_look = form_second_look.at_form(AccountRequest, _STAND_INS, _require_right)
_second_look_at_change = form_second_look.at_form(AccountRequest, _STAND_INS, _require_right, whole=False)


@blueprint.post(
    "", operation_id="create_account", summary="Create a sender account", responses={201: documents.Account}
)
@needs("manage")
@_second_look
def create(body: AccountRequest) -> tuple[Response, int, dict[str, str]]:
    """Messages that were held for want of an account are looked at again."""
    account_id = web().services.sender_accounts.create(_form(body))
    return _one(account_id), 201, {"Location": f"/api/v1/accounts/{account_id}"}


@blueprint.get(
    "/<string:id>", operation_id="show_account", summary="One sender account", responses={200: documents.Account}
)
@needs("manage")
def show(path: AccountPath) -> Response:
    return _one(path.id)


@blueprint.patch(
    "/<string:id>", operation_id="change_account", summary="Change a sender account", responses={200: documents.Account}
)
@needs("manage")
@_second_look_at_change
def change(path: AccountPath, body: AccountChange) -> Response:
    """Fields that are left out stay as they are; an empty password keeps the stored one."""
    web().services.sender_accounts.change(path.id, body.changes())
    return _one(path.id)


@blueprint.delete(
    "/<string:id>",
    operation_id="delete_account",
    summary="Delete a sender account",
    responses={204: None},
)
@needs("manage")
@operations.refuses(error_codes.WRONG_STATE)
def delete(path: AccountPath) -> tuple[str, int]:
    web().services.sender_accounts.delete(path.id)
    return "", 204


@blueprint.post(
    "/<string:id>/test",
    operation_id="test_account",
    summary="Sign in to its server, and send a test message if `to` is given",
    openapi_extensions={
        "requestBody": {"content": {"application/json": {"schema": AccountTestRequest.model_json_schema()}}}
    },
    responses={200: documents.AccountReport},
)
@needs("manage")
@bodies.read_by_itself
def test(path: AccountPath) -> Response:
    """The body may be left out."""
    wanted = AccountTestRequest.model_validate(bodies.optional())
    report = web().services.account_test.run(path.id, wanted.to)
    return jsonify({"ok": report.ok, "message": report.message, "dialogue": list(report.dialogue)})


@blueprint.post(
    "/<string:id>/pause",
    operation_id="pause_account",
    summary="Stop using a sender account",
    responses={200: documents.Account},
)
@needs("manage")
def pause(path: AccountPath) -> Response:
    web().services.sender_accounts.pause(path.id)
    return _one(path.id)


@blueprint.post(
    "/<string:id>/resume",
    operation_id="resume_account",
    summary="Use a sender account again",
    responses={200: documents.Account},
)
@needs("manage")
def resume(path: AccountPath) -> Response:
    web().services.sender_accounts.resume(path.id)
    return _one(path.id)


def _one(account_id: str) -> Response:
    with web().read() as session:
        account = accounts.one(session, account_id)
        if account is None:
            raise NotFound("account", account_id)
        return jsonify(representations.account(account))
