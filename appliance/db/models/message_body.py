"""What hangs on a message and is read apart from it."""

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.db.models.base import Base


class MessageBody(Base):
    """Apart from the message, so that a list never reads bodies and retention can drop them alone."""

    __tablename__ = "message_bodies"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    text: Mapped[str | None] = mapped_column(Text)
    html: Mapped[str | None] = mapped_column(Text)


class MessageTag(Base):
    __tablename__ = "message_tags"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True)

    __table_args__ = (Index("ix_message_tags_tag", "tag", "message_id"),)
