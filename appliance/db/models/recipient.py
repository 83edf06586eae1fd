"""One address of a message, with its own outcome."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, bindparam, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, affected


class RecipientKind(StrEnum):
    TO = "to"
    CC = "cc"
    BCC = "bcc"


class RecipientStatus(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


class Recipient(Base):
    __tablename__ = "recipients"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(3))
    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[str] = mapped_column(String(16), default=RecipientStatus.PENDING)
    reply_code: Mapped[int | None]
    reply_text: Mapped[str] = mapped_column(Text, default="")
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_recipients_message_id", "message_id"),
        Index("ix_recipients_email", "email", "message_id"),
    )

    @classmethod
    def settle_pending(
        cls, session: Session, message_id: str, status: RecipientStatus, code: int | None, text: str, now: datetime
    ) -> None:
        """The same outcome for every recipient of the message that has none yet."""
        affected(session, _SETTLE_PENDING, {"of_message": message_id, **_outcome(status, code, text, now)})

    @classmethod
    def settle(
        cls, session: Session, recipient_id: int, status: RecipientStatus, code: int | None, text: str, now: datetime
    ) -> None:
        affected(session, _SETTLE, {"of_recipient": recipient_id, **_outcome(status, code, text, now)})


_OUTCOME: dict[str, Any] = {
    "status": bindparam("new_status"),
    "reply_code": bindparam("new_code"),
    "reply_text": bindparam("new_text"),
    "finished_at": bindparam("new_finished_at"),
}

_SETTLE = update(Recipient).where(Recipient.id == bindparam("of_recipient")).values(_OUTCOME)

_SETTLE_PENDING = (
    update(Recipient)
    .where(Recipient.message_id == bindparam("of_message"), Recipient.status == RecipientStatus.PENDING)
    .values(_OUTCOME)
)


def _outcome(status: RecipientStatus, code: int | None, text: str, now: datetime) -> dict[str, object]:
    finished_at = None if status is RecipientStatus.PENDING else now
    return {"new_status": status, "new_code": code, "new_text": text, "new_finished_at": finished_at}
