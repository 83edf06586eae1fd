"""What an operation that changes a message answers: the message, or only what became of it."""

from pydantic import Field, RootModel

from appliance.db.models.message import MessageStatus
from appliance.web.api.documents import Document, MessageDetail, Moment


class MessageStanding(Document):
    """What a key without the scope `read` is told: what became of the message, and not what it says."""

    id: str
    status: MessageStatus
    reason: str | None
    explanation: str = Field(description="One sentence: what it waits for, until when, and what a person could do.")
    created_at: Moment
    due_at: Moment | None
    finished_at: Moment | None


class MessageChanged(RootModel[MessageDetail | MessageStanding]):
    """The whole message for a key with the scope `read`, else what became of it."""
