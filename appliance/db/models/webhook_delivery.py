"""What one endpoint is told of one event, and the attempts to tell it. The rows that are due are the queue."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, delete, exists, func, literal, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, affected, changed_one
from appliance.db.models.webhook_endpoint import WebhookEndpoint
from appliance.db.types import UtcDateTime


class DeliveryState(StrEnum):
    PENDING = "pending"  # due, claimed, or waiting for its next attempt
    DELIVERED = "delivered"  # the receiver answered 2xx
    FAILED = "failed"  # given up


OVER = (DeliveryState.DELIVERED, DeliveryState.FAILED)


class WebhookDelivery(Base):
    """Its id is the `webhook-id`, the same at every attempt: that is how a receiver knows a repetition.

    A claim puts `due_at` to the end of its lease, so that a delivery whose worker died comes back by itself.
    """

    __tablename__ = "webhook_deliveries"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    message_id: Mapped[str | None] = mapped_column(String(40))  # that the event is about; it may be gone by now
    payload: Mapped[str] = mapped_column(Text)  # JSON, sent as it stands
    state: Mapped[str] = mapped_column(String(16), default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    attempts_before: Mapped[int] = mapped_column(default=0)  # those before it was last replayed
    tried_since: Mapped[datetime | None]  # the first attempt since then
    due_at: Mapped[datetime | None]
    claim_id: Mapped[str | None] = mapped_column(String(40))
    last_error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "ix_webhook_deliveries_due",
            "endpoint_id",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        Index(
            "ix_webhook_deliveries_claim",
            "claim_id",
            sqlite_where=text("claim_id IS NOT NULL"),
            postgresql_where=text("claim_id IS NOT NULL"),
        ),
        Index("ix_webhook_deliveries_endpoint", "endpoint_id", "id"),
        Index("ix_webhook_deliveries_state", "endpoint_id", "state", "id"),
    )

    @classmethod
    def claim(cls, session: Session, ids: Iterable[str], *, claim_id: str, now: datetime, lease_until: datetime) -> int:
        """Due -> claimed, for those that still are. Returns how many."""
        query = update(cls).where(cls.id.in_(list(ids)), cls.due_at <= now)
        return affected(session, query.values(claim_id=claim_id, due_at=lease_until))

    @classmethod
    def begin(cls, session: Session, delivery_id: str, *, claim_id: str, now: datetime, lease_until: datetime) -> bool:
        """Before each attempt: is it still ours, and its endpoint not paused? The lease starts anew."""
        in_use = exists().where(WebhookEndpoint.id == cls.endpoint_id, WebhookEndpoint.active.is_(True))
        query = update(cls).where(cls.id == delivery_id, cls.claim_id == claim_id, in_use)
        since = func.coalesce(cls.tried_since, literal(now, UtcDateTime))
        return changed_one(session, query.values(due_at=lease_until, tried_since=since))

    @classmethod
    def deliver(cls, session: Session, delivery_id: str, *, attempts: int, now: datetime) -> bool:
        """Pending -> delivered, whoever holds it by now: the receiver has it."""
        query = update(cls).where(cls.id == delivery_id, cls.state == DeliveryState.PENDING)
        over = {"state": DeliveryState.DELIVERED, "due_at": None, "claim_id": None, "finished_at": now}
        return changed_one(session, query.values(attempts=attempts, last_error="", **over))

    @classmethod
    def defer(
        cls, session: Session, delivery_id: str, *, claim_id: str, attempts: int, due_at: datetime, error: str
    ) -> bool:
        """Claimed -> waiting for its next attempt."""
        query = update(cls).where(cls.id == delivery_id, cls.claim_id == claim_id)
        return changed_one(session, query.values(attempts=attempts, due_at=due_at, claim_id=None, last_error=error))

    @classmethod
    def fail(
        cls, session: Session, delivery_id: str, *, claim_id: str, attempts: int, error: str, now: datetime
    ) -> bool:
        """Claimed -> failed."""
        query = update(cls).where(cls.id == delivery_id, cls.claim_id == claim_id)
        over = {"state": DeliveryState.FAILED, "due_at": None, "claim_id": None, "finished_at": now}
        return changed_one(session, query.values(attempts=attempts, last_error=error, **over))

    @classmethod
    def release(cls, session: Session, claim_id: str, *, now: datetime) -> int:
        """What the claim still holds is due again."""
        return affected(session, update(cls).where(cls.claim_id == claim_id).values(claim_id=None, due_at=now))

    @classmethod
    def give_up_waiting(cls, session: Session, ids: Iterable[str], *, error: str, now: datetime) -> int:
        """Waiting -> failed: its endpoint has been paused for too long."""
        query = update(cls).where(cls.id.in_(list(ids)), cls.state == DeliveryState.PENDING)
        over = {"state": DeliveryState.FAILED, "due_at": None, "claim_id": None, "finished_at": now}
        return affected(session, query.values(last_error=error, **over))

    @classmethod
    def replay(cls, session: Session, ids: Iterable[str], *, now: datetime) -> int:
        """Delivered or failed -> due, with all its attempts before it once more. Returns how many."""
        query = update(cls).where(cls.id.in_(list(ids)), cls.state.in_(OVER))
        anew = {"state": DeliveryState.PENDING, "due_at": now, "tried_since": None, "finished_at": None}
        return affected(session, query.values(attempts_before=cls.attempts, **anew))

    @classmethod
    def hasten(cls, session: Session, delivery_id: str, *, now: datetime) -> bool:
        """Waiting for its next attempt -> due."""
        query = update(cls).where(
            cls.id == delivery_id, cls.state == DeliveryState.PENDING, cls.claim_id.is_(None), cls.due_at > now
        )
        return changed_one(session, query.values(due_at=now))

    @classmethod
    def remove(cls, session: Session, ids: Iterable[str]) -> int:
        """With their attempts."""
        return affected(session, delete(cls).where(cls.id.in_(list(ids))))


class WebhookAttempt(Base):
    """One request and what came of it."""

    __tablename__ = "webhook_attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"))
    number: Mapped[int]
    started_at: Mapped[datetime]
    duration_ms: Mapped[int]
    status_code: Mapped[int | None]
    answer: Mapped[str] = mapped_column(Text, default="")  # the first KB of the body
    error: Mapped[str] = mapped_column(Text, default="")  # for a person; empty: it was accepted

    __table_args__ = (Index("ix_webhook_attempts_delivery_id", "delivery_id"),)
