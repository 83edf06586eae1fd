"""One address of a message, with its own outcome."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Computed, ForeignKey, Index, String, Text, bindparam, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, affected, changed_one


class RecipientKind(StrEnum):
    TO = "to"
    CC = "cc"
    BCC = "bcc"


class RecipientStatus(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


_BYTEWISE = String(320).with_variant(String(320, collation="C"), "postgresql")
"""So that addresses with one beginning stand together; a server's language may sort them otherwise."""

_AFTER_THE_AT = "lower(replace(email, rtrim(email, replace(email, '@', '')), ''))"
"""`rtrim` takes from the end whatever is no @."""


class Recipient(Base):
    """`address` and `domain` are what filters compare: A-Z in lower case, made by the database from `email`."""

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
    suppressed_by: Mapped[str | None] = mapped_column(String(40))  # the suppression, which may be gone by now

    address: Mapped[str] = mapped_column(_BYTEWISE, Computed("lower(email)"))
    domain: Mapped[str] = mapped_column(_BYTEWISE, Computed(_AFTER_THE_AT))

    __table_args__ = (
        Index("ix_recipients_message_id", "message_id"),
        Index("ix_recipients_address", "address", "message_id"),
        Index("ix_recipients_domain", "domain", "message_id"),
        Index(
            "ix_recipients_suppressed_by",
            "suppressed_by",
            "message_id",
            sqlite_where=text("suppressed_by IS NOT NULL"),
            postgresql_where=text("suppressed_by IS NOT NULL"),
        ),
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

    @classmethod
    def suppress(cls, session: Session, recipient_id: int, *, suppression_id: str, why: str, now: datetime) -> bool:
        """Pending -> suppressed."""
        return changed_one(
            session,
            update(cls)
            .where(cls.id == recipient_id, cls.status == RecipientStatus.PENDING)
            .values(
                status=RecipientStatus.SUPPRESSED,
                suppressed_by=suppression_id,
                reply_code=None,
                reply_text=why,
                finished_at=now,
            ),
        )

    @classmethod
    def release(cls, session: Session, message_ids: Iterable[str], *, suppression_id: str) -> int:
        """Suppressed by that entry -> pending, in these messages."""
        return affected(
            session,
            update(cls)
            .where(
                cls.message_id.in_(list(message_ids)),
                cls.suppressed_by == suppression_id,
                cls.status == RecipientStatus.SUPPRESSED,
            )
            .values(status=RecipientStatus.PENDING, **_NOT_SUPPRESSED),
        )

    @classmethod
    def expire(cls, session: Session, message_ids: Iterable[str], *, why: str, now: datetime) -> int:
        """Pending -> failed, in messages that have expired."""
        return affected(
            session,
            update(cls)
            .where(cls.message_id.in_(list(message_ids)), cls.status == RecipientStatus.PENDING)
            .values(status=RecipientStatus.FAILED, reply_code=None, reply_text=why, finished_at=now),
        )

    @classmethod
    def retry(cls, session: Session, message_ids: Iterable[str]) -> int:
        """Failed or suppressed -> pending, in these messages.

        Whether it may be sent to now is asked again before it is sent.
        """
        return affected(
            session,
            update(cls)
            .where(
                cls.message_id.in_(list(message_ids)),
                cls.status.in_((RecipientStatus.FAILED, RecipientStatus.SUPPRESSED)),
            )
            .values(status=RecipientStatus.PENDING, finished_at=None, suppressed_by=None),
        )


_NOT_SUPPRESSED: dict[str, Any] = {"suppressed_by": None, "reply_text": "", "finished_at": None}


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
