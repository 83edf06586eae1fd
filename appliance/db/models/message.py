"""A message and the verbs that move it from state to state.

Each verb is one compare-and-set UPDATE: it says whether this caller was the one that made the move, so a duplicate
task, a late worker or a second click changes nothing. A move that others want to hear of is told by an event in the
same transaction (event.py). What the accounts make wait is not: a rest of half a minute would be told a hundred
thousand times.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Update, bindparam, case, exists, update
from sqlalchemy.orm import Session

from appliance.db.models.base import affected, changed_one
from appliance.db.models.event import EventKind
from appliance.db.models.message_columns import MessageColumns
from appliance.db.models.message_ends import ends_of
from appliance.db.models.message_moves import Moved, ended, ids_of, move, noted, retried, told
from appliance.db.models.message_state import (
    INCOMPLETE,
    RETRYABLE,
    UNFINISHED,
    WAITING,
    WAITING_FOR_ACCOUNTS,
    MessageStatus,
    Priority,
    Reason,
)
from appliance.db.models.recipient import Recipient, RecipientStatus

__all__ = [
    "INCOMPLETE",
    "RETRYABLE",
    "UNFINISHED",
    "WAITING",
    "WAITING_FOR_ACCOUNTS",
    "Message",
    "MessageStatus",
    "Priority",
    "Reason",
]


class Message(MessageColumns):
    __tablename__ = "messages"

    @classmethod
    def claim(
        cls, session: Session, ids: Iterable[str], *, claim_id: str, account_id: str, day: str, lease_until: datetime
    ) -> int:
        """Waiting -> sending. Returns how many were still there to be claimed."""
        values = {"of_messages": list(ids), "new_claim": claim_id, "new_account": account_id, "new_day": day}
        return affected(session, _CLAIM, {**values, "new_lease": lease_until})

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
    def hold(cls, session: Session, ids: Iterable[str], *, reason: Reason, until: datetime | None) -> list[str]:
        """Waiting -> held. Returns those. `until` None: until a person or a change of an account releases it."""
        query = update(cls).where(cls.id.in_(list(ids)), cls.status.in_(WAITING))
        values = {"status": MessageStatus.HELD, "reason": reason, "detail": "", "due_at": until}
        return ids_of(move(session, query.values(values).returning(cls.id)))

    @classmethod
    def leave_behind(cls, session: Session, ids: Iterable[str], *, reason: Reason) -> list[str]:
        """Held for what the accounts said -> held until a person does something. Returns those."""
        waits = (cls.status == MessageStatus.HELD) & cls.reason.in_(WAITING_FOR_ACCOUNTS)
        query = update(cls).where(cls.id.in_(list(ids)), waits)
        return ids_of(move(session, query.values(reason=reason, due_at=None).returning(cls.id)))

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
        now: datetime,
        account_id: str | None = None,
    ) -> bool:
        """Sending -> queued, deferred or held, by whoever holds the claim. `account_id`: which tried last."""
        outcome = {"status": status, "reason": reason, "detail": detail, "attempts": attempts}
        moved = _leave(session, message_id, claim_id, due_at=due_at, finished_at=None, ended_through=None, **outcome)
        if status in _TOLD_OF:
            noted(session, _TOLD_OF[status], moved, now, account_id=account_id)
        return bool(moved)

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
        account_id: str | None = None,
    ) -> bool:
        """Sending -> sent, partially_sent, failed or suppressed, by the worker that holds it."""
        outcome = {"status": status, "reason": reason, "detail": detail, "attempts": attempts}
        moved = _leave(session, message_id, claim_id, **_over(now, account_id), **outcome)
        ended(session, moved, now, account_id=account_id)
        return bool(moved)

    @classmethod
    def finish_late(
        cls, session: Session, message_id: str, *, status: MessageStatus, attempts: int, now: datetime, account_id: str
    ) -> bool:
        """Waiting -> sent or partially_sent: its worker was taken for dead, and knows that the server took it.

        Whoever has claimed it meanwhile sends it again, with the same Message-ID: that cannot be helped.
        """
        query = update(cls).where(cls.id == message_id, cls.status.in_(WAITING), cls.begun.is_(False))
        outcome = {"status": status, "reason": "", "detail": "", "attempts": attempts}
        moved = move(session, query.values(**_over(now, account_id), **outcome).returning(*_TOLD))
        ended(session, moved, now, account_id=account_id)
        return bool(moved)

    @classmethod
    def release(cls, session: Session, ids: Iterable[str], *, now: datetime) -> list[str]:
        """Held -> queued. Returns those."""
        query = update(cls).where(cls.id.in_(list(ids)), cls.status == MessageStatus.HELD)
        values = {"status": MessageStatus.QUEUED, "reason": "", "detail": "", "due_at": now}
        return ids_of(move(session, query.values(values).returning(cls.id)))

    @classmethod
    def retry(cls, session: Session, ids: Iterable[str], *, now: datetime) -> list[str]:
        """Failed, partially sent, suppressed, deferred or held -> queued, its attempts and age counted anew.

        Returns those. One that is past its expiry, or whose content is gone, stays as it is.
        """
        wanted = list(ids)
        query = update(cls).where(cls.id.in_(wanted), cls.status.in_(RETRYABLE), can_go_again(now))
        return _retry(session, wanted, query.values(due_at=now, retried_at=now, **_ANEW), now)

    @classmethod
    def reopen(cls, session: Session, ids: Iterable[str], *, now: datetime) -> list[str]:
        """Ended without having reached everybody -> queued, or scheduled if it was to go later. Returns those.

        One that is past its expiry, or whose content is gone, stays as it is.
        """
        later = cls.send_at > now
        values = _ANEW | {
            "status": case((later, MessageStatus.SCHEDULED), else_=MessageStatus.QUEUED),
            "due_at": case((later, cls.send_at), else_=now),
            "retried_at": now,
        }
        wanted = list(ids)
        query = update(cls).where(cls.id.in_(wanted), cls.status.in_(INCOMPLETE), can_go_again(now))
        return _retry(session, wanted, query.values(values), now)

    @classmethod
    def expire(cls, session: Session, ids: Iterable[str], *, now: datetime) -> list[str]:
        """Waiting and past its expiry -> failed, or partially sent if somebody has got it. Returns those that did.

        Its detail stays, for it says what the message was waiting for.
        """
        somebody_has_it = exists().where(Recipient.message_id == cls.id, Recipient.status == RecipientStatus.SENT)
        status = case((somebody_has_it, MessageStatus.PARTIALLY_SENT), else_=MessageStatus.FAILED)
        query = update(cls).where(cls.id.in_(list(ids)), cls.status.in_(WAITING), cls.expires_at <= now)
        return _end(session, query.values(status=status, reason=Reason.EXPIRED, **_over(now)), now)

    @classmethod
    def suppress(cls, session: Session, ids: Iterable[str], *, now: datetime) -> list[str]:
        """Waiting -> suppressed. Returns those."""
        query = update(cls).where(cls.id.in_(list(ids)), cls.status.in_(WAITING))
        values = {"status": MessageStatus.SUPPRESSED, "reason": Reason.SUPPRESSED, **_over(now)}
        return _end(session, query.values(values), now)

    @classmethod
    def cancel(cls, session: Session, ids: Iterable[str], *, now: datetime) -> list[str]:
        """Waiting -> cancelled. Returns those: a message that a worker holds can no longer be cancelled."""
        query = update(cls).where(cls.id.in_(list(ids)), cls.status.in_(WAITING))
        values = {"status": MessageStatus.CANCELLED, "reason": "", "detail": "", **_over(now)}
        return _end(session, query.values(values), now)


_TOLD = told(Message)
_TOLD_OF = {
    MessageStatus.DEFERRED: EventKind.MESSAGE_DEFERRED,
    MessageStatus.HELD: EventKind.MESSAGE_HELD,
}


def can_go_again(now: datetime) -> ColumnElement[bool]:
    """Neither past its expiry nor without its content."""
    return (Message.expires_at.is_(None) | (Message.expires_at > now)) & Message.content_removed_at.is_(None)


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
    "ended_through": None,
    **_FREE,
}

_CLAIM = (
    update(Message)
    .where(Message.id.in_(bindparam("of_messages", expanding=True)), Message.status.in_(WAITING))
    .values(
        status=MessageStatus.SENDING,
        due_at=None,
        reason="",
        claim_id=bindparam("new_claim"),
        claim_account_id=bindparam("new_account"),
        claim_day=bindparam("new_day"),
        lease_until=bindparam("new_lease"),
        begun=False,
    )
)

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
        ended_through=bindparam("new_ended_through"),
        **_FREE,
    )
    .returning(*_TOLD)
)


def _over(now: datetime, account_id: str | None = None) -> dict[str, Any]:
    """`account_id`: which its event of the end names."""
    return {"due_at": None, "finished_at": now, "ended_through": account_id or ""}


def _retry(session: Session, ids: Iterable[str], query: Update, now: datetime) -> list[str]:
    """One that ends between the two statements stays as it is: its end would never be taken back."""
    ends = ends_of(session, Message, ids)
    seen = Message.status.not_in(INCOMPLETE) | Message.id.in_(list(ends))
    moved = move(session, query.where(seen).returning(*_TOLD))
    retried(session, moved, now, ends=ends)
    return ids_of(moved)


def _end(session: Session, query: Update, now: datetime) -> list[str]:
    moved = move(session, query.returning(*_TOLD))
    ended(session, moved, now)
    return ids_of(moved)


def _leave(session: Session, message_id: str, claim_id: str, **outcome: object) -> Moved:
    values = {f"new_{name}": value for name, value in outcome.items()}
    return move(session, _LEAVE, {"of_message": message_id, "of_claim": claim_id, **values})
