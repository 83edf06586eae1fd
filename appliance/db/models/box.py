"""What the box remembers of itself: when a periodic task last ran, and switches that a person sets."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from appliance.db.models.base import Base
from appliance.db.types import Json


class ScheduleRun(Base):
    __tablename__ = "schedule_runs"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)  # as in [schedule]
    last_run_at: Mapped[datetime]


class Flag(Base):
    __tablename__ = "flags"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    changed_at: Mapped[datetime]
