"""A message and the verbs that move it from state to state.

Each verb is one compare-and-set UPDATE: it says whether this caller was the one that made the move, so a duplicate
task, a late worker or a second click changes nothing.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Index, String, Text, bindparam, case, exists, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, affected, changed_one
from appliance.db.models.message_state import (
    INCOMPLETE,
    RETRYABLE,
    UNFINISHED,
    WAITING,
    MessageStatus,
    Priority,
    Reason,
)
from appliance.db.models.recipient import Recipient, RecipientStatus
from appliance.db.types import Json

__all__ = ["INCOMPLETE", "RETRYABLE", "UNFINISHED", "WAITING", "Message", "MessageStatus", "Priority", "Reason"]


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
        outcome = {"status": status, "reason": reason, "detail": detail, "attempts": attempts}
        return _leave(session, message_id, claim_id, due_at=due_at, finished_at=None, **outcome)

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
        """Sending -> sent, partially_sent, failed or suppressed, by the worker that holds it."""
        outcome = {"status": status, "reason": reason, "detail": detail, "attempts": attempts}
        return _leave(session, message_id, claim_id, due_at=None, finished_at=now, **outcome)

    @classmethod
    def release(cls, session: Session, ids: Iterable[str], *, now: datetime) -> int:
        """Held -> queued."""
        query = update(cls).where(cls.id.in_(list(ids)), cls.status == MessageStatus.HELD)
        return affected(session, query.values(status=MessageStatus.QUEUED, reason="", detail="", due_at=now))

    @classmethod
    def retry(cls, session: Session, message_id: str, *, now: datetime) -> bool:
        """Failed, partially sent, suppressed, deferred or held -> queued, with its attempts counted anew."""
        query = update(cls).where(cls.id == message_id, cls.status.in_(RETRYABLE), _in_time(now))
        return changed_one(session, query.values(due_at=now, **_ANEW))

    @classmethod
    def reopen(cls, session: Session, ids: Iterable[str], *, now: datetime) -> list[str]:
        """Ended without having reached everybody -> queued, or scheduled if it was to go later. Returns those.

        One that is past its expiry stays as it is.
        """
        later = cls.send_at > now
        values = _ANEW | {
            "status": case((later, MessageStatus.SCHEDULED), else_=MessageStatus.QUEUED),
            "due_at": case((later, cls.send_at), else_=now),
        }
        query = update(cls).where(cls.id.in_(list(ids)), cls.status.in_(INCOMPLETE), _in_time(now))
        return list(session.connection().execute(query.values(values).returning(cls.id)).scalars())

    @classmethod
    def expire(cls, session: Session, ids: Iterable[str], *, now: datetime) -> list[str]:
        """Waiting and past its expiry -> failed, or partially sent if somebody has got it. Returns those that did.

        Its detail stays, for it says what the message was waiting for.
        """
        somebody_has_it = exists().where(Recipient.message_id == cls.id, Recipient.status == RecipientStatus.SENT)
        query = (
            update(cls)
            .where(cls.id.in_(list(ids)), cls.status.in_(WAITING), cls.expires_at <= now)
            .values(
                status=case((somebody_has_it, MessageStatus.PARTIALLY_SENT), else_=MessageStatus.FAILED),
                reason=Reason.EXPIRED,
                due_at=None,
                finished_at=now,
            )
            .returning(cls.id)
        )
        return list(session.connection().execute(query).scalars())

    @classmethod
    def suppress(cls, session: Session, ids: Iterable[str], *, now: datetime) -> int:
        """Waiting -> suppressed."""
        values = {"status": MessageStatus.SUPPRESSED, "reason": Reason.SUPPRESSED, "due_at": None, "finished_at": now}
        return affected(session, update(cls).where(cls.id.in_(list(ids)), cls.status.in_(WAITING)).values(values))

    @classmethod
    def cancel(cls, session: Session, message_id: str, *, now: datetime) -> bool:
        """Waiting -> cancelled. A message that a worker holds can no longer be cancelled."""
        return changed_one(
            session,
            update(cls)
            .where(cls.id == message_id, cls.status.in_(WAITING))
            .values(status=MessageStatus.CANCELLED, reason="", detail="", due_at=None, finished_at=now),
        )


def _in_time(now: datetime) -> ColumnElement[bool]:
    return Message.expires_at.is_(None) | (Message.expires_at > now)


_FREE: dict[str, Any] = {
    "claim_id": None,
    "claim_account_id": None,
    "claim_day": "",
    "lease_until": None,
    "begun": False,
}

_ANEW: dict[str, Any] = {
    "status": MessageStatus.QUEUED,
    "reason": "",
    "detail": "",
    "attempts": 0,
    "finished_at": None,
    **_FREE,
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


def _expired(now: datetime) -> ColumnElement[bool]:
    return Message.expires_at.is_not(None) & (Message.expires_at <= now)


def _leave(session: Session, message_id: str, claim_id: str, **outcome: object) -> bool:
    values = {f"new_{name}": value for name, value in outcome.items()}
    return changed_one(session, _LEAVE, {"of_message": message_id, "of_claim": claim_id, **values})
