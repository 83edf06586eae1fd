"""The shapes of answers, for the OpenAPI document. Nothing is validated against them while serving; tests do that."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from appliance.db.models.delivery_attempt import AttemptOutcome
from appliance.db.models.message import MessageStatus
from appliance.db.models.recipient import RecipientKind, RecipientStatus
from appliance.db.models.sender_account import AccountState, TransportKind
from appliance.db.models.suppression import SuppressionSource
from appliance.health import Status

Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Priority = Literal["high", "normal", "low"]


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FieldProblem(Document):
    field: str = Field(description="The path of the field, such as to[1].email.")
    message: str = Field(description="What would be right, for a person.")
    code: str


class Problem(Document):
    """RFC 9457. Decide by `code`: the list of codes is closed, and each has a page under /docs/errors/."""

    type: str = Field(description="The page of the code.")
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] = Field(description="Every wrong field; empty for errors of another kind.")
    request_id: str = Field(description="Also in the header X-Request-ID and in the log.")


class Accepted(Document):
    id: str
    status: MessageStatus
    created_at: Moment


class ItemProblem(Document):
    """As `Problem` tells it, with paths as if the message had been submitted alone."""

    type: str = Field(description="The page of the code.")
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem]


class Refused(Document):
    error: ItemProblem


class BatchAnswer(Document):
    accepted: int
    refused: int
    results: list[Accepted | Refused] = Field(description="One each, in the order of the messages.")


class Addressee(Document):
    email: str
    name: str


class TemplateOfMessage(Document):
    slug: str
    version: int
    locale: str | None


class AccountOfMessage(Document):
    id: str | None
    name: str = Field(description="As it was called then.")


class MessageSummary(Document):
    id: str
    status: MessageStatus
    subject: str
    to: list[Addressee]
    cc: list[Addressee]
    bcc: list[Addressee]
    priority: Priority
    tags: list[str]
    template: TemplateOfMessage | None = Field(description="What it was made from.")
    account: str | None = Field(description="The sender account that the message asked for.")
    last_account: AccountOfMessage | None = Field(
        description="The sender account that tried it last, and sent it if it was sent; null: none has yet."
    )
    reason: str | None = Field(
        description="Why it is held, deferred or failed; null: for no other reason than its state."
    )
    attempt_count: int
    created_at: Moment
    send_at: Moment | None = Field(description="Not before then, as asked.")
    expires_at: Moment | None = Field(description="Not after then, as asked.")
    due_at: Moment | None = Field(description="When it is looked at next; null: it waits for a person, or has ended.")
    finished_at: Moment | None


class DryRunAccount(Document):
    id: str
    name: str
    email: str


class DryRunRecipient(Document):
    email: str
    name: str
    kind: RecipientKind
    status: RecipientStatus


class DryRun(Document):
    status: MessageStatus = Field(description="Where the message would stand; `queued`: it would go out at once.")
    reason: str | None
    due_at: Moment | None
    explanation: str = Field(description="The same in one sentence.")
    account: DryRunAccount | None = Field(description="What it would go out through, now or in time; null: nothing.")
    recipients: list[DryRunRecipient]
    size: int | None
    raw: str | None = Field(description="The RFC 5322 message; null: it cannot be written, or there is no account.")


class MessagePage(Document):
    items: list[MessageSummary]
    next_cursor: str | None = Field(description="For `cursor` of the next page; null: this is the last one.")


class RecipientDocument(Document):
    email: str
    name: str
    kind: RecipientKind
    status: RecipientStatus
    reply_code: int | None = Field(description="What the SMTP server said to it.")
    reply_text: str | None
    finished_at: Moment | None


class Attempt(Document):
    number: int = Field(description="Counted over the whole life; a fail-over to the next account has the same.")
    account: str | None
    account_name: str
    server: str | None
    stage: str | None = Field(description="How far the SMTP conversation came.")
    outcome: AttemptOutcome
    reply_code: int | None
    reply_text: str | None
    started_at: Moment
    duration_ms: int


class AttachmentOfMessage(Document):
    filename: str
    size: int
    content_type: str
    content_id: str | None
    sha256: str
    removed_at: Moment | None = Field(description="When its age took the file; null: it is kept.")


class MessageDetail(MessageSummary):
    sender: Addressee | None = Field(alias="from", description="null: the sender account that it goes out through.")
    reply_to: list[Addressee]
    text: str | None
    html: str | None
    content_removed_at: Moment | None = Field(
        description="When text and HTML, or attachments, were removed because of their age: then it cannot be retried."
    )
    headers: dict[str, str]
    attachments: list[AttachmentOfMessage]
    metadata: dict[str, Any]
    message_id: str = Field(description="The Message-ID that mail programs see; the same at every attempt.")
    request_id: str = Field(description="X-Request-ID of the request that submitted it.")
    explanation: str = Field(description="One sentence: what it waits for, until when, and what a person could do.")
    recipients: list[RecipientDocument]
    attempts: list[Attempt]


class AttachmentDocument(Document):
    id: str
    filename: str
    size: int
    content_type: str
    sha256: str
    created_at: Moment
    expires_at: Moment = Field(description="Until then messages can name it.")


class Account(Document):
    id: str
    name: str
    email: str
    transport: TransportKind
    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    username: str
    has_password: bool = Field(description="The password itself is never shown.")
    daily_limit: int | None
    priority: int
    active: bool
    sent_today: int
    state: AccountState
    last_error: str | None
    last_error_at: Moment | None
    resting_until: Moment | None
    created_at: Moment
    updated_at: Moment


class AccountPage(Document):
    items: list[Account]
    next_cursor: str | None


class AccountReport(Document):
    ok: bool
    message: str
    dialogue: list[str] = Field(description="The SMTP conversation, without the password.")


class SuppressionDocument(Document):
    id: str
    address: str = Field(description="An address, or a domain; in lower case.")
    reason: str
    source: SuppressionSource
    stopped: int = Field(description="Messages that it keeps from a recipient; its removal can release them.")
    created_at: Moment
    expires_at: Moment | None = Field(description="null: it holds for ever.")


class SuppressionPage(Document):
    items: list[SuppressionDocument]
    next_cursor: str | None


class SuppressionRemoval(Document):
    address: str
    stopped: int = Field(description="Messages that it kept from a recipient.")
    released: int = Field(description="Those of them that now go there; with `release=true` only.")


class RefusedRow(Document):
    line: int
    message: str = Field(description="What would be right.")


class SuppressionImport(Document):
    imported: int
    refused_count: int
    refused: list[RefusedRow] = Field(description="The first 100 rows that were left out.")


class Component(Document):
    name: str
    status: Status
    detail: str
    since: Moment | None
    restarts: int


class System(Document):
    version: str
    started_at: Moment
    timezone: str
    components: list[Component]
    messages: dict[MessageStatus, int]
    oldest: dict[MessageStatus, Moment] = Field(description="When the oldest message in each unfinished state came.")
    broker_queues: dict[str, int]
    schedule: dict[str, Moment | None] = Field(description="When each periodic task runs next.")
    gauges: dict[str, float]


class Inspection(BaseModel):
    """What the worker answers, by worker name."""

    model_config = ConfigDict(extra="allow")
