"""One SMTP transaction and its reply, kept beside its message."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.db.models.base import Base


class AttemptOutcome(StrEnum):
    SENT = "sent"  # every recipient of the attempt accepted
    PARTIAL = "partial"  # some refused
    DEFERRED = "deferred"
    FAILED = "failed"
    ACCOUNT_ERROR = "account_error"  # the account or its server could not be used; says nothing of the message
    UNCERTAIN = "uncertain"  # handed over, and no answer was seen


class DeliveryAttempt(Base):
    """One SMTP transaction and its reply."""

    __tablename__ = "delivery_attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    number: Mapped[int]  # counts what max_attempts bounds: anew after a retry, and a fail-over is of the same round
    claim_id: Mapped[str] = mapped_column(String(40))
    account_id: Mapped[str | None] = mapped_column(String(40))
    account_name: Mapped[str] = mapped_column(Text, default="")
    server: Mapped[str] = mapped_column(Text, default="")
    stage: Mapped[str] = mapped_column(String(16), default="")
    outcome: Mapped[str] = mapped_column(String(16))
    reply_code: Mapped[int | None]
    reply_text: Mapped[str] = mapped_column(Text, default="")
    started_at: Mapped[datetime]
    duration_ms: Mapped[int] = mapped_column(default=0)

    __table_args__ = (Index("ix_delivery_attempts_message_id", "message_id"),)
