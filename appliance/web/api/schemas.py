"""The shapes of requests: one source for validation and for the OpenAPI document."""

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from appliance.db.models.message import MessageStatus, Reason
from appliance.services import intake, language_tags
from appliance.services.intake import Address

MOST_HEADERS = 50

_ADDRESS_SCHEMA = {
    "anyOf": [
        {"type": "string", "examples": ["Ann Smith <ann@example.com>"]},
        {
            "type": "object",
            "properties": {"email": {"type": "string"}, "name": {"type": "string"}},
            "required": ["email"],
            "additionalProperties": False,
        },
    ]
}

AddressField = Annotated[Any, BeforeValidator(intake.address), WithJsonSchema(_ADDRESS_SCHEMA)]
Subject = Annotated[str, AfterValidator(intake.subject), Field(json_schema_extra={"maxLength": intake.LONGEST_SUBJECT})]
Text = Annotated[str, AfterValidator(intake.plain_text)]
Tag = Annotated[
    str,
    AfterValidator(intake.tag),
    Field(json_schema_extra={"minLength": 1, "maxLength": intake.LONGEST_TAG}),
]
Headers = Annotated[dict[str, str], Field(max_length=MOST_HEADERS), AfterValidator(intake.headers)]
Metadata = Annotated[dict[str, Any], AfterValidator(intake.metadata)]
Instant = Annotated[
    datetime, BeforeValidator(intake.instant), WithJsonSchema({"type": "string", "format": "date-time"})
]


class Request(BaseModel):
    """Unknown fields are refused by name: a misspelt option must not be ignored."""

    model_config = ConfigDict(extra="forbid")


class Query(Request):
    """flask-openapi3 asks for the schema at each request, which takes longer than the query itself."""

    @classmethod
    def model_json_schema(cls, *arguments: Any, **options: Any) -> dict[str, Any]:
        return _made_once(super().model_json_schema, arguments, tuple(options.items()))


@functools.cache
def _made_once(
    make: Callable[..., dict[str, Any]], arguments: tuple[Any, ...], options: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    return make(*arguments, **dict(options))


def refusal(field: str, message: str, code: str = "invalid") -> PydanticCustomError:
    """`field` is what the client is told, wherever it was noticed."""
    return PydanticCustomError("rule", "{message}", {"message": message, "field": field, "code": code})


class AttachmentRequest(Request):
    """Either the `id` of an uploaded file, or its bytes."""

    id: Text | None = Field(default=None, max_length=40, description="Of a file uploaded with POST /attachments.")
    filename: Text | None = Field(default=None, max_length=1000)
    content: str | None = Field(default=None, description="The bytes in base64.")
    content_type: Text | None = Field(default=None, max_length=255, description="Guessed from the name if left out.")
    content_id: Annotated[str, AfterValidator(intake.content_id)] | None = Field(
        default=None, description='What the HTML calls it: `<img src="cid:logo">`.'
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "AttachmentRequest":
        if (self.id is None) == (self.content is None):
            raise ValueError("give either the 'id' of an uploaded file, or 'filename' and 'content'")
        if self.content is not None and not self.filename:
            raise ValueError("'content' needs a 'filename'")
        return self


class MessageRequest(Request):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "to": ["ann@example.com"],
                "subject": "Your invoice",
                "text": "Hello Ann, your invoice is ready.",
                "tags": ["invoice"],
            }
        },
    )

    to: list[AddressField] = Field(default=[], max_length=1000, description="Recipients that everybody sees.")
    cc: list[AddressField] = Field(default=[], max_length=1000)
    bcc: list[AddressField] = Field(
        default=[], max_length=1000, validate_default=True, description="Recipients that nobody else sees."
    )
    reply_to: list[AddressField] = Field(default=[], max_length=20)
    sender: AddressField | None = Field(
        default=None,
        alias="from",
        description="Whom it is from; without it, the sender account that it goes out through.",
    )
    template: Text | None = Field(
        default=None, max_length=100, description="The slug of a template, instead of `subject`, `text` and `html`."
    )
    variables: dict[Text, Any] = Field(default={}, description="What the template asks for.")
    locale: Text | None = Field(
        default=None,
        max_length=language_tags.LONGEST,
        description="The language of the template, such as zh-CN: any tag of RFC 5646. The nearest one is used.",
    )
    subject: Subject | None = Field(default=None, validate_default=True, description="Needed without a `template`.")
    text: Text | None = Field(default=None, description="Without it, the text is derived from `html`.")
    html: Text | None = Field(default=None, validate_default=True)
    attachments: list[AttachmentRequest] = Field(default=[], max_length=50)
    headers: Headers = Field(default={})
    tags: list[Tag] = Field(default=[], max_length=20)
    metadata: Metadata = Field(
        default={}, description="Anything of yours; it comes back with the message and is never sent."
    )
    priority: Literal["high", "normal", "low"] = "normal"
    account: Text | None = Field(
        default=None, max_length=40, description="The id of the sender account to use, and no other."
    )

    send_at: Instant | None = Field(
        default=None, description="RFC 3339 with an offset; not before then. A moment that is past means now."
    )
    expires_at: Instant | None = Field(
        default=None, description="RFC 3339 with an offset; a message that was not sent before then is failed."
    )

    # A field that is wrong is not in `info.data`; then its own error is enough.

    @field_validator("bcc")
    @classmethod
    def _some_recipient(cls, bcc: list[Address], info: ValidationInfo) -> list[Address]:
        if not bcc and info.data.get("to") == [] and info.data.get("cc") == []:
            raise refusal("to", "Name at least one recipient in 'to', 'cc' or 'bcc'.", "required")
        return bcc

    @field_validator("variables", "locale")
    @classmethod
    def _of_a_template(cls, value: Any, info: ValidationInfo) -> Any:
        if value and info.data.get("template", "") is None:
            raise ValueError("it belongs to a 'template'; name one, or leave this out")
        return value

    @field_validator("subject")
    @classmethod
    def _some_subject(cls, subject: str | None, info: ValidationInfo) -> str | None:
        if subject is None and info.data.get("template", "") is None:
            raise refusal("subject", "This field is required.", "required")
        return subject

    @field_validator("subject", "text", "html")
    @classmethod
    def _not_beside_a_template(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("template") is not None:
            raise ValueError("the template brings its own; leave this out")
        return value

    @field_validator("html")
    @classmethod
    def _some_content(cls, html: str | None, info: ValidationInfo) -> str | None:
        if html is None and info.data.get("text", "") is None and info.data.get("template", "") is None:
            raise refusal("text", "Give 'text', 'html' or both.", "required")
        return html

    @field_validator("expires_at")
    @classmethod
    def _after_send_at(cls, expires_at: datetime | None, info: ValidationInfo) -> datetime | None:
        send_at = info.data.get("send_at")
        if expires_at is not None and send_at is not None and expires_at <= send_at:
            raise ValueError("it must be later than 'send_at', or the message would never be sent")
        return expires_at

    def recipients(self, kind: Literal["to", "cc", "bcc", "reply_to"]) -> tuple[Address, ...]:
        return tuple(getattr(self, kind))


class SubmitQuery(Query):
    dry_run: bool = Field(default=False, description="Show what would become of the message; store nothing.")


class PageQuery(Query):
    limit: int = Field(default=50, ge=1, le=200)
    cursor: Text | None = Field(default=None, max_length=200, description="`next_cursor` of the page before.")


def split(values: Any) -> Any:
    """`?status=failed&status=held` and `?status=failed,held` are the same."""
    return [one for value in values for one in value.split(",") if one] if isinstance(values, list) else values


METADATA = "metadata."
WHICH_KEY = "Name a key of your metadata after the dot: metadata.order=1041."


class MessageQuery(PageQuery):
    status: Annotated[list[MessageStatus], BeforeValidator(split)] = Field(
        default=[], description="One or more states: repeat the parameter, or separate them by commas."
    )
    reason: Reason | None = Field(default=None, description="Why it is held, deferred or failed.")
    recipient: Text = Field(
        default="",
        max_length=320,
        description="An address, the start of one, or @ and a whole domain; capital letters make no difference.",
    )
    tag: Text = Field(default="", max_length=64)
    account: Text = Field(
        default="",
        max_length=40,
        description="The id of a sender account, deleted ones too: asked for by the message, or tried. "
        "An id that nothing ever had fits no message.",
    )
    key: Text = Field(
        default="", max_length=40, description="The id of the API key that submitted it; needs the scope `manage`."
    )
    template: Text = Field(default="", max_length=100, description="The slug of a template, or its id.")
    since: Instant | None = Field(default=None, description="RFC 3339; accepted at or after this moment.")
    until: Instant | None = Field(default=None, description="RFC 3339; accepted before this moment.")
    q: Text = Field(
        default="", max_length=200, description="Part of the subject, or a message, Message-ID or request id."
    )
    subject: Text = Field(default="", max_length=200, description="Part of the subject.")
    metadata: Annotated[dict[Text, Text], WithJsonSchema({"type": "string"})] = Field(
        default={},
        alias=METADATA + "KEY",
        max_length=5,
        description="Has this value at the key KEY of its metadata; KEY stands for a key of yours.",
    )

    @model_validator(mode="before")
    @classmethod
    def _gather_metadata(cls, given: dict[str, Any]) -> dict[str, Any]:
        wanted = {name.removeprefix(METADATA): value for name, value in given.items() if name.startswith(METADATA)}
        others = {name: value for name, value in given.items() if not name.startswith(METADATA)}
        if "" in wanted:
            raise refusal(METADATA, WHICH_KEY)
        return others | ({METADATA + "KEY": wanted} if wanted else {})


class MessagePath(BaseModel):
    id: Text = Field(description="Of a message, such as msg_01jd3v…")


class AttachmentPath(BaseModel):
    id: Text = Field(description="Of an uploaded file, such as att_01jd3v…")


class InspectPath(BaseModel):
    what: Text = Field(description="active, reserved, stats, registered or ping")
