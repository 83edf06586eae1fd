"""Who changed what, when and from where: one row a change, written in the transaction of the change itself."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, Values, insert_rows
from appliance.db.types import Json


class ActorKind(StrEnum):
    USER = "user"  # a person who is signed in
    KEY = "key"  # a program with an API key
    COMMAND = "command"  # the command line of the box
    SYSTEM = "system"  # the appliance by itself
    ANONYMOUS = "anonymous"  # somebody who is not signed in, such as one who tries to


class AuditEntry(Base):
    """`actor_name` and `detail` are copies: they tell what was true then, also when the thing is gone."""

    __tablename__ = "audit_entries"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime]
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[str] = mapped_column(String(40), default="")
    actor_name: Mapped[str] = mapped_column(Text, default="")
    address: Mapped[str] = mapped_column(String(64), default="")  # the IP address, where there is one
    action: Mapped[str] = mapped_column(String(64))  # "key.created": what kind of thing, and what became of it
    target: Mapped[str] = mapped_column(String(320), default="")  # the id of that thing
    detail: Mapped[dict[str, Any]] = mapped_column(Json)
    request_id: Mapped[str] = mapped_column(String(128), default="")

    __table_args__ = (
        Index("ix_audit_entries_actor_id", "actor_id", "id"),
        Index("ix_audit_entries_actor_name", "actor_name", "id"),
        Index("ix_audit_entries_action", "action", "id"),
        Index("ix_audit_entries_target", "target", "id"),
        Index("ix_audit_entries_at", "at"),
    )

    @classmethod
    def note(cls, session: Session, row: Values) -> None:
        """Inside the write that makes the change: either both are there afterwards or neither."""
        insert_rows(session, cls, row)
