"""An address, or a whole domain, that we must not send to."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Index, String, Text, case, delete, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, Values, affected, changed_one
from appliance.db.upsert import insert_into


class SuppressionSource(StrEnum):
    MANUAL = "manual"  # a person, in the pages
    API = "api"
    REFUSAL = "refusal"  # a server said that there is no such recipient
    IMPORT = "import"


class Suppression(Base):
    """`address` has an `@`, or else it is a domain; either in lower case, so that no spelling slips through."""

    __tablename__ = "suppressions"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    address: Mapped[str] = mapped_column(String(320), unique=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    source: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_suppressions_expires_at", "expires_at"),)

    @classmethod
    def counts_at(cls, now: datetime) -> ColumnElement[bool]:
        """The condition for those that have not expired."""
        return or_(cls.expires_at.is_(None), cls.expires_at > now)

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    @classmethod
    def put(cls, session: Session, rows: Sequence[Values]) -> None:
        """Adds each row, or replaces what the entry that its address has already says.

        That entry keeps its id, so that what it stopped stays known. `created_at` of a row is now.
        """
        if rows:
            session.connection().execute(_put(session.connection().dialect.name), list(rows))

    @classmethod
    def put_refused(cls, session: Session, rows: Sequence[Values]) -> None:
        """As `put`, but an entry that somebody made, and that has not expired, stays as it is."""
        if rows:
            session.connection().execute(_put_refused(session.connection().dialect.name), list(rows))

    @classmethod
    def expire(cls, session: Session, suppression_id: str, *, now: datetime) -> bool:
        """From now on it stops nothing more."""
        return changed_one(session, update(cls).where(cls.id == suppression_id).values(expires_at=now))

    @classmethod
    def remove_expired(cls, session: Session, *, now: datetime, limit: int) -> int:
        """Returns how many were removed, `limit` at most."""
        over = select(cls.id).where(cls.expires_at <= now).limit(limit)
        return affected(session, delete(cls).where(cls.id.in_(over)))


@cache
def _put(dialect: str) -> Any:
    insert = insert_into(Suppression, dialect)
    return insert.on_conflict_do_update(index_elements=["address"], set_=_changes(insert.excluded))


@cache
def _put_refused(dialect: str) -> Any:
    insert = insert_into(Suppression, dialect)
    replaceable = (Suppression.source == SuppressionSource.REFUSAL) | (
        Suppression.expires_at <= insert.excluded.created_at
    )
    return insert.on_conflict_do_update(index_elements=["address"], set_=_changes(insert.excluded), where=replaceable)


def _changes(fresh: Any) -> dict[str, Any]:
    """An entry that had expired begins anew."""
    expired = Suppression.expires_at <= fresh.created_at
    return {
        "reason": fresh.reason,
        "source": fresh.source,
        "expires_at": fresh.expires_at,
        "created_at": case((expired, fresh.created_at), else_=Suppression.created_at),
    }
