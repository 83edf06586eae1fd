"""The two shapes of a batch: messages as they would be submitted alone, or one template with many recipients."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    WrapValidator,
    field_validator,
)

from appliance.services import language_tags
from appliance.web.api.schemas import (
    AddressField,
    AttachmentRequest,
    Headers,
    Instant,
    MessageRequest,
    Metadata,
    Request,
    Tag,
    Text,
    refusal,
)

ONE_FORM = "Send either 'messages', or 'template' with 'recipients'."
IN_COMMON = (
    *("template", "locale", "variables", "sender", "reply_to", "attachments", "headers"),
    *("tags", "metadata", "priority", "account", "send_at", "expires_at"),
)
_OF_MESSAGES: dict[str, Any] = {
    "messages": [
        {"to": ["ann@example.com"], "subject": "Your invoice", "text": "Hello Ann, it is ready."},
        {"to": ["bob@example.com"], "subject": "Your invoice", "text": "Hello Bob, it is ready."},
    ],
    "atomic": True,
}
_OF_A_TEMPLATE: dict[str, Any] = {
    "template": "invoice",
    "tags": ["invoice"],
    "recipients": [
        {"to": "ann@example.com", "variables": {"number": 1041}},
        {"to": "bob@example.com", "variables": {"number": 1042}, "locale": "de"},
    ],
}

Locale = Annotated[Text, AfterValidator(language_tags.canonical), Field(max_length=language_tags.LONGEST)]


def _as_list(value: Any) -> Any:
    """One address stands for a list of one."""
    return value if isinstance(value, list) else [value]


class RecipientOfBatch(Request):
    """One message of the batch: whom it goes to and what differs for it."""

    to: Annotated[list[AddressField], BeforeValidator(_as_list)] = Field(
        min_length=1,
        max_length=1000,
        description="An address, or a list of those that one message goes to together.",
        json_schema_extra={"anyOf": [{"type": "array"}, {"type": "string"}, {"type": "object"}]},
    )
    cc: list[AddressField] = Field(default=[], max_length=1000)
    bcc: list[AddressField] = Field(default=[], max_length=1000)
    variables: dict[Text, Any] = Field(default={}, description="Go before the common ones of the same name.")
    locale: Locale | None = Field(default=None, description="Instead of the common one.")
    headers: Headers = Field(default={}, description="Go before the common ones of the same name.")
    metadata: Metadata = Field(default={}, description="Goes before the common one of the same key.")
    attachments: list[AttachmentRequest] = Field(default=[], max_length=50, description="Beside the common ones.")


OneOfBatch = Annotated[MessageRequest, WrapValidator(lambda value, _validate: value)]
"""Taken as it is and validated one by one later, so that one that is wrong does not sink the others."""

OneRecipient = Annotated[RecipientOfBatch, WrapValidator(lambda value, _validate: value)]


class BatchRequest(Request):
    """Either `messages`, or `template` and `recipients` with what all of them have in common."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": _OF_MESSAGES},
        openapi_extra={  # type: ignore[typeddict-unknown-key]  # flask-openapi3 reads it
            "examples": {
                "messages": {"summary": "Messages as they would be submitted alone", "value": _OF_MESSAGES},
                "template": {"summary": "One template, many recipients", "value": _OF_A_TEMPLATE},
            }
        },
    )

    messages: list[OneOfBatch] | None = Field(
        default=None, min_length=1, description="1,000 at most, unless the appliance is told otherwise."
    )
    atomic: StrictBool = Field(default=False, description="All or none: one that is refused sinks the others.")

    template: Text | None = Field(default=None, max_length=100, description="The slug of a template.")
    locale: Locale | None = Field(
        default=None, description="The language of the template, such as zh-CN: any tag of RFC 5646."
    )
    variables: dict[Text, Any] = Field(default={}, description="Those that are the same for all recipients.")
    sender: AddressField | None = Field(default=None, alias="from", description="As of a message, for all recipients.")
    reply_to: list[AddressField] = Field(default=[], max_length=20)
    attachments: list[AttachmentRequest] = Field(default=[], max_length=50, description="Stored once for all.")
    headers: Headers = Field(default={})
    tags: list[Tag] = Field(default=[], max_length=20)
    metadata: Metadata = Field(default={})
    priority: Literal["high", "normal", "low"] = "normal"
    account: Text | None = Field(default=None, max_length=40)
    send_at: Instant | None = Field(default=None)
    expires_at: Instant | None = Field(default=None)
    recipients: list[OneRecipient] | None = Field(
        default=None,
        min_length=1,
        validate_default=True,
        description="One message each; 1,000 at most, unless the appliance is told otherwise.",
    )

    # A field that is wrong is not in `info.data`; then its own error is enough.

    @field_validator(*IN_COMMON)
    @classmethod
    def _not_beside_messages(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("messages") is not None:
            raise ValueError("it goes with 'template' and 'recipients'; each of 'messages' brings its own")
        return value

    @field_validator("recipients")
    @classmethod
    def _one_form(cls, recipients: list[Any] | None, info: ValidationInfo) -> list[Any] | None:
        messages, template = info.data.get("messages", "wrong"), info.data.get("template", "wrong")
        if recipients is None and template is None and messages is None:
            raise refusal("messages", ONE_FORM, "required")
        if recipients is None and messages is None:
            raise refusal("recipients", "The template needs 'recipients'.", "required")
        if recipients is not None and isinstance(messages, list):
            raise ValueError(f"both forms in one request. {ONE_FORM}")
        if recipients is not None and template is None:
            raise refusal("template", "Name the template that 'recipients' get a message from.", "required")
        return recipients

    @field_validator("expires_at")
    @classmethod
    def _after_send_at(cls, expires_at: datetime | None, info: ValidationInfo) -> datetime | None:
        send_at = info.data.get("send_at")
        if expires_at is not None and send_at is not None and expires_at <= send_at:
            raise ValueError("it must be later than 'send_at', or the messages would never be sent")
        return expires_at
