"""What a program has already asked for."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from appliance.db.models.base import Base
from appliance.db.types import Json


class IdempotencyKey(Base):
    """The first answer to a request, kept to be given again."""

    __tablename__ = "idempotency_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    api_key_id: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(255))
    body_hash: Mapped[str] = mapped_column(String(64))
    answer: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("api_key_id", "key"), Index("ix_idempotency_keys_created_at", "created_at"))
