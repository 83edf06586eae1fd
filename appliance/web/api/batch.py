"""/api/v1/messages/batch"""

from collections.abc import Iterator, Sequence
from typing import Any

from flask import Response, g, jsonify
from flask_openapi3 import APIBlueprint
from pydantic import ValidationError

from appliance.errors import FieldError, InvalidInput
from appliance.services.batch import BatchAnswer, Refusal
from appliance.services.idempotency import Once, hash_of
from appliance.services.pace import Pace
from appliance.services.submit_message import Accepted, Submitter
from appliance.web.api import commands, documents, error_codes, representations
from appliance.web.api.authentication import caller, needs
from appliance.web.api.commands import Prepared
from appliance.web.api.field_errors import field_errors
from appliance.web.api.messages import TAG
from appliance.web.api.schemas import BatchRequest, MessageRequest
from appliance.web.context import web

MOST_ERRORS = 50  # of one message: a thousand messages with a thousand wrong addresses each would fill the memory

blueprint = APIBlueprint("batch", __name__, url_prefix="/messages/batch", abp_tags=[TAG])


@blueprint.post(
    "",
    operation_id="submit_batch",
    summary="Submit many messages at once",
    openapi_extensions=commands.IDEMPOTENCY_PARAMETER,
    responses={202: documents.BatchAnswer, 409: None},
)
@needs("send")
def submit(body: BatchRequest) -> tuple[Response, int, dict[str, str]]:
    """Each message is judged on its own and has its own result, in order; what is accepted is one durable write.

    When none is accepted the answer is 422, and its errors name `messages[3].to[0]`. With `atomic` it is so as well
    when only some are refused: then nothing is stored. An Idempotency-Key is for the whole batch.
    """
    _require_size(body.messages)
    key = commands.idempotency_key()
    items = list(_prepared(body.messages))
    good = [one for one in items if isinstance(one, Prepared)]
    if len(good) == len(items) or not body.atomic:
        commands.keep_files(good)
    answer = web().services.batches.submit(
        [one.command if isinstance(one, Prepared) else one for one in items],
        Submitter(caller().api_key_id, g.request_id),
        atomic=body.atomic,
        once=Once(caller().api_key_id or "", key, _hash(body)) if key else None,
    )
    return jsonify(_represented(answer)), 202, {"Idempotent-Replay": "true"} if answer.replayed else {}


def _require_size(messages: Sequence[Any]) -> None:
    most = web().settings.limits.batch_messages
    if len(messages) > most:
        remedy = f"the limit is {most} ([limits] batch_messages). Send several batches."
        raise InvalidInput([FieldError("messages", f"There are {len(messages)} messages; {remedy}", "too_many")])


def _prepared(messages: Sequence[Any]) -> Iterator[Prepared | Refusal]:
    pace = Pace()
    for message in messages:
        yield _one(message)
        pace.step()


def _one(message: Any) -> Prepared | Refusal:
    try:
        return commands.filled(commands.prepare(MessageRequest.model_validate(message)))
    except ValidationError as error:
        return tuple(field_errors(error)[:MOST_ERRORS])
    except InvalidInput as error:
        return error.errors[:MOST_ERRORS]


def _hash(body: BatchRequest) -> str:
    """Of each message apart, with pauses: one go over many megabytes would hold everybody up."""
    pace = Pace()
    digests = []
    for message in body.messages:
        digests.append(hash_of(message))
        pace.step()
    return hash_of([digests, body.atomic])


def _represented(answer: BatchAnswer) -> dict[str, Any]:
    return {
        "accepted": answer.accepted,
        "refused": len(answer.results) - answer.accepted,
        "results": [_result(one) for one in answer.results],
    }


def _result(result: Accepted | Refusal) -> dict[str, Any]:
    if isinstance(result, Accepted):
        return representations.accepted(result)
    code = error_codes.INVALID_FIELDS
    return {
        "error": {
            "type": code.page,
            "title": code.title,
            "status": int(code.status),
            "code": code.code,
            "detail": "Some fields are not right; see errors.",
            "errors": [{"field": one.field, "message": one.message, "code": one.code} for one in result],
        }
    }
