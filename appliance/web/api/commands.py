"""From the JSON of a message to what is submitted."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from flask import g, request

from appliance.db.models.message import Priority
from appliance.errors import ApplianceError, FieldError, InvalidInput, Unavailable
from appliance.services.attachments import StoredFile
from appliance.services.idempotency import Once, hash_of, hash_of_file
from appliance.services.intake import limit_errors
from appliance.services.submit_message import SubmitMessage, Submitter, TemplateReference
from appliance.web.api import attachments
from appliance.web.api.authentication import caller
from appliance.web.api.schemas import AttachmentRequest, MessageRequest
from appliance.web.context import web

LONGEST_KEY = 255
TOO_DEEP = "has too many levels"
IDEMPOTENCY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body within 24 hours gives the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message that may be submitted. `contents`: its files that are not on disk yet, by SHA-256."""

    command: SubmitMessage
    contents: Mapping[str, bytes]


def submitter() -> Submitter:
    """Who submits in this request."""
    return Submitter(caller().api_key_id, g.request_id, caller().limits)


def once(body: MessageRequest) -> Once | None:
    """By what a repetition of this request is known: its key, and what it says, as it was given.

    Nothing is looked up for it: an upload or a template may be gone when the request comes again.

    Raises InvalidInput.
    """
    key = idempotency_key()
    if key is None:
        return None
    said = _said(_command(body, ())) | {"attachments": [_as_given(one) for one in body.attachments]}
    try:
        return Once(caller().api_key_id, key, hash_of(said))
    except RecursionError as error:
        raise InvalidInput([FieldError("variables", TOO_DEEP, "invalid")]) from error


def _said(command: SubmitMessage) -> dict[str, Any]:
    """`asdict`, but variables as they are: these may be deeper than it can follow."""
    named = command.template
    template = {one.name: getattr(named, one.name) for one in fields(named)} if named else None
    return asdict(replace(command, template=None)) | {"template": template}


def _as_given(attachment: AttachmentRequest) -> dict[str, Any]:
    given = attachment.model_dump(exclude={"content"})
    return given if attachment.content is None else given | {"content": hash_of_file(attachment.content)}


def prepare(body: MessageRequest) -> Prepared:
    """Stores nothing. Raises InvalidInput with every wrong field."""
    described, contents, wrong = files(body.attachments)
    command = _command(body, described)
    wrong += limit_errors(command, web().settings.limits)
    if wrong:
        raise InvalidInput(dict.fromkeys([*wrong, *web().services.submission.faults(command)]))
    return Prepared(command, contents)


def _command(body: MessageRequest, attached: tuple[StoredFile, ...]) -> SubmitMessage:
    return SubmitMessage(
        to=body.recipients("to"),
        cc=body.recipients("cc"),
        bcc=body.recipients("bcc"),
        reply_to=body.recipients("reply_to"),
        sender=body.sender,
        subject=body.subject or "",
        text=body.text,
        html=body.html,
        headers=body.headers,
        tags=tuple(body.tags),
        metadata=body.metadata,
        priority=Priority[body.priority.upper()],
        account=body.account,
        attachments=attached,
        send_at=body.send_at,
        expires_at=body.expires_at,
        template=TemplateReference(body.template, body.variables, body.locale) if body.template is not None else None,
    )


def files(
    named: list[AttachmentRequest],
) -> tuple[tuple[StoredFile, ...], dict[str, bytes], list[FieldError]]:
    """With what is wrong with them: other fields may be wrong as well, and are named together."""
    try:
        return *attachments.described(named), []
    except InvalidInput as error:
        return (), {}, list(error.errors)


def filled(prepared: Prepared) -> Prepared:
    """With what its template makes, if it names one. Raises InvalidInput."""
    return replace(prepared, command=web().services.template_rendering.fill(prepared.command))


@contextmanager
def files_kept(prepared: Iterable[Prepared]) -> Iterator[None]:
    """On disk before the messages are stored, so that no message names a file that is not there. Each file once.

    When the messages are refused, the files that they brought go again.
    """
    contents = {digest: content for one in prepared for digest, content in one.contents.items()}
    kept = web().services.attachments.keep(contents.values())
    try:
        yield
    except Unavailable:
        raise  # whether they were stored is not known to everybody: the clean-up will find out
    except ApplianceError:
        web().services.attachments.take_back(kept)
        raise


def idempotency_key() -> str | None:
    """Of this request. Raises InvalidInput."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        remedy = f"Send 1 to {LONGEST_KEY} printable ASCII characters, such as a UUID."
        raise InvalidInput([FieldError("Idempotency-Key", remedy)])
    return key
