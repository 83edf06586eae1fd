"""What the built-in mailbox keeps: envelopes that were handed to it instead of to a server."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.db.models.base import Base
from appliance.db.types import Json


class KeptMail(Base):
    __tablename__ = "kept_mail"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(40))
    rfc_message_id: Mapped[str] = mapped_column(String(998), default="")
    mail_from: Mapped[str] = mapped_column(String(320))
    rcpt_to: Mapped[list[str]] = mapped_column(Json)
    subject: Mapped[str] = mapped_column(Text, default="")
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    size: Mapped[int]
    received_at: Mapped[datetime]

    __table_args__ = (Index("ix_kept_mail_rfc_message_id", "rfc_message_id"),)
