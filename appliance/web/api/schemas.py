"""The shapes of requests: one source for validation and for the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from appliance.db.models.message import MessageStatus
from appliance.services import intake
from appliance.services.intake import Address

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
Subject = Annotated[str, AfterValidator(intake.one_line)]
Body = Annotated[str, AfterValidator(intake.body)]
Tag = Annotated[str, AfterValidator(intake.tag)]


class Request(BaseModel):
    """Unknown fields are refused by name: a misspelt option must not be ignored."""

    model_config = ConfigDict(extra="forbid")


class AttachmentRequest(Request):
    """Either the `id` of an uploaded file, or its bytes."""

    id: str | None = Field(default=None, max_length=40, description="Of a file uploaded with POST /attachments.")
    filename: str | None = Field(default=None, max_length=1000)
    content: str | None = Field(default=None, description="The bytes in base64.")
    content_type: str | None = Field(default=None, max_length=255, description="Guessed from the name if left out.")
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
    bcc: list[AddressField] = Field(default=[], max_length=1000, description="Recipients that nobody else sees.")
    reply_to: list[AddressField] = Field(default=[], max_length=20)
    sender: AddressField | None = Field(
        default=None,
        alias="from",
        description="Whom it is from; without it, the sender account that it goes out through.",
    )
    subject: Subject
    text: Body | None = Field(default=None, description="Without it, the text is derived from `html`.")
    html: Body | None = None
    attachments: list[AttachmentRequest] = Field(default=[], max_length=50)
    headers: dict[str, str] = Field(default={}, max_length=50)
    tags: list[Tag] = Field(default=[], max_length=20)
    metadata: Annotated[dict[str, Any], AfterValidator(intake.metadata)] = Field(
        default={}, description="Anything of yours; it comes back with the message and is never sent."
    )
    priority: Literal["high", "normal", "low"] = "normal"
    account: str | None = Field(default=None, description="The id of the sender account to use, and no other.")

    @field_validator("headers")
    @classmethod
    def _checked_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            intake.header(name, value)
        return headers

    def recipients(self, kind: Literal["to", "cc", "bcc", "reply_to"]) -> tuple[Address, ...]:
        return tuple(getattr(self, kind))


class AccountRequest(Request):
    name: str
    email: str
    transport: Literal["smtp", "mailbox"] = "smtp"
    host: str = ""
    port: int | None = Field(default=None, description="Without it, the usual port of `security`.")
    security: Literal["none", "starttls", "tls"] = "starttls"
    username: str = ""
    password: str | None = Field(default=None, description="Never shown again.")
    daily_limit: int | None = Field(default=None, description="Messages a calendar day; null: no limit.")
    priority: int = Field(default=0, description="Higher is used first.")
    active: bool = True


class AccountChange(Request):
    """Fields that are left out stay as they are; an empty password keeps the stored one."""

    name: str | None = None
    email: str | None = None
    transport: Literal["smtp", "mailbox"] | None = None
    host: str | None = None
    port: int | None = None
    security: Literal["none", "starttls", "tls"] | None = None
    username: str | None = None
    password: str | None = None
    daily_limit: int | None = None
    priority: int | None = None
    active: bool | None = None

    def changes(self) -> dict[str, Any]:
        """Only `daily_limit`, `port` and `password` may be set to null."""
        nullable = ("daily_limit", "port", "password")
        given = self.model_dump(exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None or name in nullable}


class AccountTestRequest(Request):
    to: str | None = Field(default=None, description="Also send a test message there.")


class PageQuery(Request):
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")


class MessageQuery(PageQuery):
    status: list[MessageStatus] = Field(default=[], description="One or more states.")
    recipient: str = Field(default="", max_length=320, description="An address, or the start of one.")
    tag: str = Field(default="", max_length=64)
    account: str = Field(default="", max_length=40)
    since: datetime | None = Field(default=None, description="RFC 3339; accepted at or after this moment.")
    until: datetime | None = Field(default=None, description="RFC 3339; accepted before this moment.")
    q: str = Field(
        default="", max_length=200, description="Part of the subject, or a message, Message-ID or request id."
    )


class MessagePath(BaseModel):
    id: str


class AttachmentPath(BaseModel):
    id: str


class AccountPath(BaseModel):
    id: str


class InspectPath(BaseModel):
    what: str
