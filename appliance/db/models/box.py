"""What the box remembers of itself: when a periodic task last ran, and switches that a person sets."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import String, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, changed_one
from appliance.db.types import Json

SENDING_PAUSED = "sending_paused"
"""The flag that says that nothing is sent; its value says why."""


class PauseReason(StrEnum):
    ASKED = "asked"  # by a person or a program
    RESTORED = "restored"  # this is a copy: what waits in it may have gone out already


class ScheduleRun(Base):
    __tablename__ = "schedule_runs"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)  # as in [schedule]
    last_run_at: Mapped[datetime]


class Flag(Base):
    __tablename__ = "flags"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    changed_at: Mapped[datetime]

    @classmethod
    def put(cls, session: Session, name: str, value: Any, *, now: datetime) -> None:
        """Sets it, whatever it was."""
        session.merge(cls(name=name, value=value, changed_at=now))

    @classmethod
    def clear(cls, session: Session, name: str) -> bool:
        """False: it was not set."""
        return changed_one(session, delete(cls).where(cls.name == name))
