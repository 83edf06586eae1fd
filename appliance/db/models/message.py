"""A message and the verbs that move it from state to state.

Each verb is one compare-and-set UPDATE: it says whether this caller was the one that made the move, so a duplicate
task, a late worker or a second click changes nothing.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, bindparam, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, affected, changed_one
from appliance.db.types import Json


class MessageStatus(StrEnum):
    SCHEDULED = "scheduled"  # due later, because the client asked for it
    QUEUED = "queued"  # in the outbox
    SENDING = "sending"  # claimed: a worker holds it
    DEFERRED = "deferred"  # a temporary failure; due again
    HELD = "held"  # cannot go now, for a reason that a person can read
    SENT = "sent"  # every recipient was accepted by the next server, which is not "delivered"
    PARTIALLY_SENT = "partially_sent"  # some were accepted, some refused
    FAILED = "failed"  # refused for good, or attempts used up
    SUPPRESSED = "suppressed"  # every recipient is suppressed
    CANCELLED = "cancelled"


WAITING = (MessageStatus.SCHEDULED, MessageStatus.QUEUED, MessageStatus.DEFERRED, MessageStatus.HELD)
"""States in which nobody holds the message: it can be claimed or cancelled."""
UNFINISHED = (*WAITING, MessageStatus.SENDING)
RETRYABLE = (MessageStatus.FAILED, MessageStatus.PARTIALLY_SENT, MessageStatus.DEFERRED, MessageStatus.HELD)


class Reason(StrEnum):
    """Why a message is held, deferred or failed. The sentence for a person is made in services/explanation.py."""

    QUOTA = "quota"
    BREAKER = "breaker"
    PAUSED = "paused"
    NO_ACCOUNT = "no_account"
    ACCOUNT_GONE = "account_gone"
    TEMPORARY = "temporary"
    ACCOUNT_ERROR = "account_error"
    REFUSED = "refused"
    EXHAUSTED = "exhausted"
    UNCERTAIN = "uncertain"
    INVALID = "invalid"


class Priority(IntEnum):
    HIGH = 0
    NORMAL = 1
    LOW = 2


class Message(Base):
    __tablename__ = "messages"

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
    rfc_message_id: Mapped[str] = mapped_column(String(998))  # the same at every attempt, so that a receiver can tell
    request_id: Mapped[str] = mapped_column(String(128), default="")
    size: Mapped[int] = mapped_column(default=0)  # bytes of text and HTML
    created_at: Mapped[datetime]
    send_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

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
        Index("ix_messages_status", "status", "id"),
        Index("ix_messages_api_key", "api_key_id", "id"),
        Index("ix_messages_rfc_message_id", "rfc_message_id"),
    )

    @classmethod
    def claim(
        cls, session: Session, ids: Iterable[str], *, claim_id: str, account_id: str, day: str, lease_until: datetime
    ) -> int:
        """Waiting -> sending. Returns how many were still there to be claimed."""
        return affected(
            session,
            update(cls)
            .where(cls.id.in_(list(ids)), cls.status.in_(WAITING))
            .values(
                status=MessageStatus.SENDING,
                due_at=None,
                reason="",
                claim_id=claim_id,
                claim_account_id=account_id,
                claim_day=day,
                lease_until=lease_until,
                begun=False,
            ),
        )

    @classmethod
    def begin(cls, session: Session, message_id: str, *, claim_id: str, lease_until: datetime) -> bool:
        """Notes, before the first byte leaves, that from now on the outcome is unknown until it is recorded."""
        values = {"of_message": message_id, "of_claim": claim_id, "new_lease": lease_until}
        return changed_one(session, _BEGIN, values)

    @classmethod
    def change_account(cls, session: Session, message_id: str, *, claim_id: str, account_id: str, day: str) -> bool:
        """The worker that holds it fails over to another account."""
        return changed_one(
            session,
            update(cls)
            .where(cls.id == message_id, cls.claim_id == claim_id)
            .values(claim_account_id=account_id, claim_day=day),
        )

    @classmethod
    def renew(cls, session: Session, claim_ids: Iterable[str], *, lease_until: datetime) -> int:
        return affected(session, update(cls).where(cls.claim_id.in_(list(claim_ids))).values(lease_until=lease_until))

    @classmethod
    def hold(cls, session: Session, ids: Iterable[str], *, reason: Reason, detail: str, until: datetime | None) -> int:
        """Waiting -> held. `until` None: until a person or a change of an account releases it."""
        return affected(
            session,
            update(cls)
            .where(cls.id.in_(list(ids)), cls.status.in_(WAITING))
            .values(status=MessageStatus.HELD, reason=reason, detail=detail, due_at=until),
        )

    @classmethod
    def put_back(
        cls,
        session: Session,
        message_id: str,
        *,
        claim_id: str,
        status: MessageStatus,
        reason: Reason | str,
        detail: str,
        due_at: datetime | None,
        attempts: int,
    ) -> bool:
        """Sending -> queued, deferred or held, by whoever holds the claim."""
        return _leave(session, message_id, claim_id, status, reason, detail, due_at, attempts, None)

    @classmethod
    def finish(
        cls,
        session: Session,
        message_id: str,
        *,
        claim_id: str,
        status: MessageStatus,
        reason: Reason | str,
        detail: str,
        attempts: int,
        now: datetime,
    ) -> bool:
        """Sending -> sent, partially_sent or failed, by the worker that holds it."""
        return _leave(session, message_id, claim_id, status, reason, detail, None, attempts, now)

    @classmethod
    def release(cls, session: Session, ids: Iterable[str], *, now: datetime) -> int:
        """Held -> queued."""
        return affected(
            session,
            update(cls)
            .where(cls.id.in_(list(ids)), cls.status == MessageStatus.HELD)
            .values(status=MessageStatus.QUEUED, reason="", detail="", due_at=now),
        )

    @classmethod
    def retry(cls, session: Session, message_id: str, *, now: datetime) -> bool:
        """Failed, partially sent, deferred or held -> queued, with its attempts counted anew."""
        return changed_one(
            session,
            update(cls)
            .where(cls.id == message_id, cls.status.in_(RETRYABLE))
            .values(
                status=MessageStatus.QUEUED, reason="", detail="", due_at=now, attempts=0, finished_at=None, **_FREE
            ),
        )

    @classmethod
    def cancel(cls, session: Session, message_id: str, *, now: datetime) -> bool:
        """Waiting -> cancelled. A message that a worker holds can no longer be cancelled."""
        return changed_one(
            session,
            update(cls)
            .where(cls.id == message_id, cls.status.in_(WAITING))
            .values(status=MessageStatus.CANCELLED, reason="", detail="", due_at=None, finished_at=now),
        )


_FREE: dict[str, Any] = {
    "claim_id": None,
    "claim_account_id": None,
    "claim_day": "",
    "lease_until": None,
    "begun": False,
}

_BEGIN = (
    update(Message)
    .where(Message.id == bindparam("of_message"), Message.claim_id == bindparam("of_claim"), Message.begun.is_(False))
    .values(begun=True, lease_until=bindparam("new_lease"))
)

_LEAVE = (
    update(Message)
    .where(
        Message.id == bindparam("of_message"),
        Message.claim_id == bindparam("of_claim"),
        Message.status == MessageStatus.SENDING,
    )
    .values(
        status=bindparam("new_status"),
        reason=bindparam("new_reason"),
        detail=bindparam("new_detail"),
        due_at=bindparam("new_due_at"),
        attempts=bindparam("new_attempts"),
        finished_at=bindparam("new_finished_at"),
        **_FREE,
    )
)


def _leave(
    session: Session,
    message_id: str,
    claim_id: str,
    status: MessageStatus,
    reason: str,
    detail: str,
    due_at: datetime | None,
    attempts: int,
    finished_at: datetime | None,
) -> bool:
    values = {
        "of_message": message_id,
        "of_claim": claim_id,
        "new_status": status,
        "new_reason": reason,
        "new_detail": detail,
        "new_due_at": due_at,
        "new_attempts": attempts,
        "new_finished_at": finished_at,
    }
    return changed_one(session, _LEAVE, values)
