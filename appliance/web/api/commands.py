"""From the JSON of a message to what is submitted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from flask import request

from appliance.db.models.message import Priority
from appliance.errors import FieldError, InvalidInput
from appliance.services.intake import within_limits
from appliance.services.submit_message import SubmitMessage, TemplateReference
from appliance.web.api import attachments
from appliance.web.api.schemas import MessageRequest
from appliance.web.context import web

LONGEST_KEY = 255
IDEMPOTENCY_PARAMETER = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The same key with the same body within 24 hours gives the first answer again.",
            "schema": {"type": "string", "maxLength": LONGEST_KEY},
        }
    ]
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message that may be submitted. `contents`: its files that are not on disk yet, by SHA-256."""

    command: SubmitMessage
    contents: Mapping[str, bytes]


def prepare(body: MessageRequest) -> Prepared:
    """Stores nothing. Raises InvalidInput with every wrong field."""
    files, contents = attachments.described(body.attachments)
    command = SubmitMessage(
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
        attachments=files,
        send_at=body.send_at,
        expires_at=body.expires_at,
        template=TemplateReference(body.template, body.variables, body.locale) if body.template is not None else None,
    )
    within_limits(command, web().settings.limits)
    return Prepared(command, contents)


def filled(prepared: Prepared) -> Prepared:
    """With what its template makes, if it names one. Raises InvalidInput."""
    return replace(prepared, command=web().services.template_rendering.fill(prepared.command))


def keep_files(prepared: Iterable[Prepared]) -> None:
    """Before the messages are stored, so that no message names a file that is not there."""
    for one in prepared:
        web().services.attachments.keep(one.contents.values())


def idempotency_key() -> str | None:
    """Of this request. Raises InvalidInput."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        remedy = f"Send 1 to {LONGEST_KEY} printable ASCII characters, such as a UUID."
        raise InvalidInput([FieldError("Idempotency-Key", remedy)])
    return key
