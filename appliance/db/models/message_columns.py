"""What a message consists of. The verbs that move it stand in message.py."""

from datetime import datetime
from typing import Any

from sqlalchemy import Computed, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.db.models.base import Base
from appliance.db.types import Json


class MessageColumns(Base):
    __abstract__ = True

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    api_key_id: Mapped[str | None] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int]
    subject: Mapped[str] = mapped_column(Text)
    sender_email: Mapped[str | None] = mapped_column(String(320))
    sender_name: Mapped[str] = mapped_column(Text, default="")
    reply_to: Mapped[list[dict[str, str]]] = mapped_column(Json)
    headers: Mapped[dict[str, str]] = mapped_column(Json)
    tags: Mapped[list[str]] = mapped_column(Json)
    meta: Mapped[dict[str, Any]] = mapped_column("metadata", Json)
    account_id: Mapped[str | None] = mapped_column(String(40))  # the account the client asked for
    allowed_accounts: Mapped[str | None] = mapped_column(Text)  # ids apart by spaces, as its key has it; None: all
    route: Mapped[str | None] = mapped_column(Text, Computed("coalesce(account_id, allowed_accounts)"))  # its `choice`
    template_id: Mapped[str | None] = mapped_column(String(40))
    template_version: Mapped[int | None]
    template_locale: Mapped[str | None] = mapped_column(String(20))  # None: the one without a language
    rfc_message_id: Mapped[str] = mapped_column(String(998))  # the same at every attempt, so that a receiver can tell
    request_id: Mapped[str] = mapped_column(String(128), default="")
    size: Mapped[int] = mapped_column(default=0)  # bytes of text and HTML
    created_at: Mapped[datetime]
    send_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    ended_through: Mapped[str | None] = mapped_column(String(40))  # the account that its end counts for; empty: none
    retried_at: Mapped[datetime | None]  # by a person, the last time
    content_removed_at: Mapped[datetime | None]  # when its age took the body or the attachments: it cannot go again

    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]  # set while waiting for a moment: the outbox is `due_at <= now`
    reason: Mapped[str] = mapped_column(String(32), default="")
    detail: Mapped[str] = mapped_column(Text, default="")

    claim_id: Mapped[str | None] = mapped_column(String(40))  # of the batch that holds it
    claim_account_id: Mapped[str | None] = mapped_column(String(40))
    claim_day: Mapped[str] = mapped_column(String(10), default="")  # whose daily limit the claim was reserved from
    lease_until: Mapped[datetime | None]
    begun: Mapped[bool] = mapped_column(default=False)  # its worker may have begun to talk to the server about it

    __table_args__ = (
        Index(
            "ix_messages_outbox",
            "priority",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        Index(
            "ix_messages_claim",
            "claim_id",
            sqlite_where=text("claim_id IS NOT NULL"),
            postgresql_where=text("claim_id IS NOT NULL"),
        ),
        Index(
            "ix_messages_expiry",
            "expires_at",
            sqlite_where=text("expires_at IS NOT NULL AND finished_at IS NULL"),
            postgresql_where=text("expires_at IS NOT NULL AND finished_at IS NULL"),
        ),
        Index("ix_messages_status", "status", "id"),
        Index("ix_messages_api_key", "api_key_id", "id"),
        Index("ix_messages_rfc_message_id", "rfc_message_id"),
    )

    @property
    def first_due_at(self) -> datetime:
        """When it first could go: what its age counts from, and the date in its header."""
        return max(self.send_at, self.created_at) if self.send_at else self.created_at

    @property
    def choice(self) -> str | None:
        """The ids of the accounts that it may go out through, apart by spaces; None: all of them."""
        return self.account_id or self.allowed_accounts

    @property
    def age_from(self) -> datetime:
        """What its age is counted from when it is asked how long to go on trying: a retry begins anew."""
        return max(self.first_due_at, self.retried_at) if self.retried_at else self.first_due_at
