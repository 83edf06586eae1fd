"""A batch of one template: each recipient gets a message of its own, and what they share is read and stored once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from appliance.db.models.message import Priority
from appliance.errors import FieldError, InvalidInput
from appliance.services import intake
from appliance.services.attachments import StoredFile
from appliance.services.batch import Form, Refusal
from appliance.services.pace import Pace
from appliance.services.submit_message import SubmitMessage, TemplateReference
from appliance.services.template_rendering import ChosenVersion
from appliance.web.api import attachments, commands
from appliance.web.api.batch_schemas import BatchRequest, RecipientOfBatch
from appliance.web.api.commands import Prepared
from appliance.web.api.field_errors import field_errors
from appliance.web.context import web

FORM = Form("recipients", frozenset({"account", "from", "send_at", "expires_at"}))
MOST_TOGETHER = 50  # headers or attachments, the common ones and those of the recipient
MOST_ERRORS = 50  # of one recipient

# What a recipient can change about these is its variables.
_TOLD_AS = {"template": "variables", "text": "variables", "html": "variables"}


@dataclass(frozen=True, slots=True)
class Common:
    """What all recipients share. `contents`: its files that are not on disk yet, by SHA-256."""

    command: SubmitMessage
    template: TemplateReference
    contents: Mapping[str, bytes]
    version: ChosenVersion


def require_common(body: BatchRequest) -> None:
    """Raises InvalidInput with what is wrong with that which recipients share."""
    if body.recipients is not None:
        _common(body)


def prepared(body: BatchRequest) -> Iterator[Prepared | Refusal]:
    """One each, in order. Raises InvalidInput when what they share is wrong."""
    common = _common(body)
    pace = Pace()
    for recipient in body.recipients or ():
        yield _one(recipient, common)
        pace.step()


def _common(body: BatchRequest) -> Common:
    slug = body.template or ""
    version, errors = _chosen(slug)
    files, contents, wrong = commands.files(body.attachments)
    command = SubmitMessage(
        to=(),
        subject="",
        reply_to=tuple(body.reply_to),
        sender=body.sender,
        headers=body.headers,
        tags=tuple(body.tags),
        metadata=body.metadata,
        priority=Priority[body.priority.upper()],
        account=body.account,
        attachments=files,
        send_at=body.send_at,
        expires_at=body.expires_at,
    )
    errors += [*wrong, *web().services.submission.faults(command)]
    if version is None or errors:
        raise InvalidInput(errors)
    return Common(command, TemplateReference(slug, body.variables, body.locale), contents, version)


def _chosen(slug: str) -> tuple[ChosenVersion | None, list[FieldError]]:
    try:
        return web().services.template_rendering.chosen(slug), []
    except InvalidInput as error:
        return None, list(error.errors)


def _one(recipient: Any, common: Common) -> Prepared | Refusal:
    try:
        return _message(RecipientOfBatch.model_validate(recipient), common)
    except ValidationError as error:
        return tuple(field_errors(error)[:MOST_ERRORS])
    except InvalidInput as error:
        told = (replace(one, field=_TOLD_AS.get(one.field, one.field)) for one in error.errors)
        return tuple(told)[:MOST_ERRORS]


def _message(one: RecipientOfBatch, common: Common) -> Prepared:
    files, contents = attachments.described(one.attachments)
    shared, template = common.command, common.template
    command = replace(
        shared,
        to=tuple(one.to),
        cc=tuple(one.cc),
        bcc=tuple(one.bcc),
        headers=_headers(shared.headers, one.headers),
        metadata=_metadata(shared.metadata, one.metadata),
        attachments=_attachments(shared.attachments, files),
        template=replace(
            template, variables={**template.variables, **one.variables}, locale=one.locale or template.locale
        ),
    )
    intake.within_limits(command, web().settings.limits)
    filled = web().services.template_rendering.fill(command, common.version)
    return Prepared(filled, {**common.contents, **contents})


def _headers(common: Mapping[str, str], own: Mapping[str, str]) -> Mapping[str, str]:
    """Upper and lower case are the same."""
    named = {name.lower() for name in own}
    together = {**{name: value for name, value in common.items() if name.lower() not in named}, **own}
    _require_few("headers", len(together))
    return together


def _metadata(common: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return intake.metadata({**common, **own})
    except ValueError as error:
        code = "too_large" if isinstance(error, intake.TooLarge) else "invalid"
        raise InvalidInput([FieldError("metadata", f"With the common metadata it {error}.", code)]) from error


def _attachments(common: tuple[StoredFile, ...], own: tuple[StoredFile, ...]) -> tuple[StoredFile, ...]:
    _require_few("attachments", len(common) + len(own))
    return common + own


def _require_few(field: str, count: int) -> None:
    if count > MOST_TOGETHER:
        remedy = f"With the common ones there are {count}; the limit is {MOST_TOGETHER}."
        raise InvalidInput([FieldError(field, remedy, "too_many")])
