"""What somebody did to a message together with others, kept beside it. What is done to one alone is in the audit."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, insert_rows


@dataclass(frozen=True, slots=True)
class DoneBy:
    """`name`: of the person or the API key; `job_id`: empty where no job did it."""

    name: str
    job_id: str = ""


class MessageDeed(Base):
    """One row for each message that was changed. An entry of the audit each would bury all others under one job.

    The name is a copy: a job is forgotten before its messages are.
    """

    __tablename__ = "message_deeds"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    action: Mapped[str] = mapped_column(String(64))  # as that of an audit entry: "message.retried"
    actor_name: Mapped[str] = mapped_column(Text)
    job_id: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime]

    __table_args__ = (Index("ix_message_deeds_message_id", "message_id"),)

    @classmethod
    def note(cls, session: Session, message_ids: Iterable[str], action: str, by: DoneBy, at: datetime) -> None:
        """Inside the write that makes the change, of those that it did change."""
        told = {"action": action, "actor_name": by.name, "job_id": by.job_id, "at": at}
        insert_rows(session, cls, *({"message_id": message_id, **told} for message_id in message_ids))
