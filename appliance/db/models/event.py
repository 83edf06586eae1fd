"""What happened to messages and accounts, written by the verb that made it happen, in the same transaction.

The table is a queue: a row stays until it is counted and told (services/event_log.py). It carries what that needs, so
that nothing is lost when the message goes first.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import Double, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, insert_rows
from appliance.db.types import BigNumber, Json


class EventKind(StrEnum):
    MESSAGE_ACCEPTED = "message.accepted"
    MESSAGE_SENT = "message.sent"
    MESSAGE_PARTIALLY_SENT = "message.partially_sent"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_SUPPRESSED = "message.suppressed"
    MESSAGE_CANCELLED = "message.cancelled"
    MESSAGE_DEFERRED = "message.deferred"
    MESSAGE_HELD = "message.held"  # for a reason of its own; what the accounts make wait is told by their events
    MESSAGE_RETRIED = "message.retried"
    ACCOUNT_BROKEN = "account.broken"
    ACCOUNT_RECOVERED = "account.recovered"
    ACCOUNT_PAUSED = "account.paused"
    ACCOUNT_RESUMED = "account.resumed"
    ACCOUNT_EXHAUSTED = "account.exhausted"


class Told(Protocol):
    """Of a message, what its events carry."""

    @property
    def id(self) -> str: ...
    @property
    def api_key_id(self) -> str | None: ...
    @property
    def template_id(self) -> str | None: ...
    @property
    def tags(self) -> list[str]: ...
    @property
    def priority(self) -> int: ...


class Event(Base):
    __tablename__ = "events"

    id: Mapped[int] = mapped_column(BigNumber, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime]
    message_id: Mapped[str | None] = mapped_column(String(40))
    account_id: Mapped[str | None] = mapped_column(String(40))  # which sent, or tried last
    api_key_id: Mapped[str | None] = mapped_column(String(40))
    template_id: Mapped[str | None] = mapped_column(String(40))
    tags: Mapped[list[str]] = mapped_column(Json)
    priority: Mapped[int | None]
    reason: Mapped[str] = mapped_column(String(32), default="")
    seconds: Mapped[float | None] = mapped_column(Double)  # from when it was to go to its end
    ended: Mapped[dict[str, Any] | None] = mapped_column(Json)  # of one that is retried: its end, which counts no more

    @classmethod
    def note(cls, session: Session, rows: Iterable[dict[str, Any]]) -> None:
        insert_rows(session, cls, *rows)


def of_message(
    kind: EventKind,
    message: Told,
    at: datetime,
    *,
    account_id: str | None = None,
    reason: str = "",
    seconds: float | None = None,
    ended: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A row for `Event.note`."""
    return {
        "kind": kind,
        "at": at,
        "message_id": message.id,
        "account_id": account_id,
        "api_key_id": message.api_key_id,
        "template_id": message.template_id,
        "tags": message.tags,
        "priority": message.priority,
        "reason": reason,
        "seconds": seconds,
        "ended": ended,
    }


def of_account(kind: EventKind, account_id: str, at: datetime, *, reason: str = "") -> dict[str, Any]:
    """A row for `Event.note`."""
    return {
        "kind": kind,
        "at": at,
        "message_id": None,
        "account_id": account_id,
        "api_key_id": None,
        "template_id": None,
        "tags": [],
        "priority": None,
        "reason": reason,
        "seconds": None,
        "ended": None,
    }
