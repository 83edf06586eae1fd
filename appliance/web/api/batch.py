"""/api/v1/messages/batch"""

from collections.abc import Iterator, Sequence
from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint
from pydantic import ValidationError

from appliance.errors import FieldError, InvalidInput
from appliance.services import allowance
from appliance.services.batch import EACH_ITS_OWN, BatchAnswer, Refusal
from appliance.services.idempotency import Once, hash_of
from appliance.services.pace import Pace
from appliance.services.submit_message import Accepted
from appliance.web.api import (
    commands,
    documents,
    form_second_look,
    limits,
    operations,
    representations,
    second_look,
    template_batch,
)
from appliance.web.api.authentication import caller, needs
from appliance.web.api.batch_schemas import BatchRequest
from appliance.web.api.commands import Prepared
from appliance.web.api.errors import CODES, DETAILS
from appliance.web.api.field_errors import field_errors
from appliance.web.api.messages import TAG
from appliance.web.api.schemas import MessageRequest
from appliance.web.context import web

MOST_ERRORS = 50  # of one message: a thousand messages with a thousand wrong addresses each would fill the memory

blueprint = APIBlueprint("batch", __name__, url_prefix="/messages/batch", abp_tags=[TAG])


@blueprint.post(
    "",
    operation_id="submit_batch",
    summary="Submit many messages at once",
    responses={202: documents.BatchAnswer},
)
@needs("send")
@operations.repeatable
@form_second_look.at_form(BatchRequest, {}, template_batch.require_common)
def submit(body: BatchRequest) -> tuple[Response, int, dict[str, str]]:
    """Send either `messages`, or one `template` and its `recipients`, each of whom gets a message of its own.

    Each is judged on its own and has its own result, in order; what is accepted is one durable write. When none is
    accepted the answer is 422, and its errors name `messages[3].to[0]` or `recipients[3].variables.name`. With `atomic`
    it is so as well when only some are refused: then nothing is stored. An Idempotency-Key is for the whole batch.
    """
    key = commands.idempotency_key()
    once = Once(caller().api_key_id or "", key, _hash(body)) if key else None
    earlier = web().services.batches.earlier(once) if once else None
    return _answered(earlier or _submitted(body, once))


def _submitted(body: BatchRequest, once: Once | None) -> BatchAnswer:
    _require_size(body)
    by_template = body.recipients is not None
    items = list(template_batch.prepared(body) if by_template else _prepared(body.messages or ()))
    good = [one for one in items if isinstance(one, Prepared)]
    with commands.files_kept(good if len(good) == len(items) or not body.atomic else ()):
        return web().services.batches.submit(
            [one.command if isinstance(one, Prepared) else one for one in items],
            commands.submitter(),
            atomic=body.atomic,
            once=once,
            form=template_batch.FORM if by_template else EACH_ITS_OWN,
        )


def _require_size(body: BatchRequest) -> None:
    most = web().settings.limits.batch_messages
    for field, items in (("messages", body.messages), ("recipients", body.recipients)):
        if items is not None and len(items) > most:
            remedy = f"the limit is {most} ([limits] batch_messages). Send several batches."
            raise InvalidInput([FieldError(field, f"There are {len(items)} {field}; {remedy}", "too_many")])


def _prepared(messages: Sequence[Any]) -> Iterator[Prepared | Refusal]:
    pace = Pace()
    for message in messages:
        yield _one(message)
        pace.step()


def _one(message: Any) -> Prepared | Refusal:
    try:
        return commands.filled(commands.prepare(MessageRequest.model_validate(message)))
    except ValidationError as error:
        return tuple([*field_errors(error), *second_look.further(message, error)][:MOST_ERRORS])
    except InvalidInput as error:
        return error.errors[:MOST_ERRORS]


def _hash(body: BatchRequest) -> str:
    """Of each message apart, with pauses: one go over many megabytes would hold everybody up."""
    pace = Pace()
    digests = []
    for item in body.messages or body.recipients or ():
        digests.append(hash_of(item))
        pace.step()
    if body.recipients is None:
        return hash_of([digests, body.atomic])
    return hash_of([digests, body.atomic, body.model_dump(exclude={"messages", "recipients", "atomic"})])


def _answered(answer: BatchAnswer) -> tuple[Response, int, dict[str, str]]:
    headers = {"Idempotent-Replay": "true"} if answer.replayed else limits.quota(answer.quota)
    return jsonify(_represented(answer)), 202, headers


def _represented(answer: BatchAnswer) -> dict[str, Any]:
    return {
        "accepted": answer.accepted,
        "refused": len(answer.results) - answer.accepted,
        "results": [_result(one) for one in answer.results],
    }


def _result(result: Accepted | Refusal) -> dict[str, Any]:
    if isinstance(result, Accepted):
        return representations.accepted(result)
    code = CODES[type(allowance.refusal(result))]
    return {
        "error": {
            "type": code.page,
            "title": code.title,
            "status": int(code.status),
            "code": code.code,
            "detail": DETAILS[code],
            "errors": [{"field": one.field, "message": one.message, "code": one.code} for one in result],
        }
    }
