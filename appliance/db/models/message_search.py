"""What the search for parts of a subject reads, and the indexes that answer the filters of messages."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, bindparam, not_, select, update
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db import prepared
from appliance.db.models.base import Base, Values, affected
from appliance.db.models.delivery_attempt import DeliveryAttempt
from appliance.db.models.message import Message
from appliance.db.upsert import insert_into

SUBJECT_INDEX = "message_search_index"
"""On SQLite: the FTS5 table of trigrams over `MessageSearch.text`; triggers of the migration keep it in step."""


class MessageSearch(Base):
    """The subject of a message as it is compared (subject_text.py). `number` is `number_of` the id of the message.

    Writing trigrams costs more than all else that a submission stores, so on SQLite the rows wait, `indexed` false,
    until an errand takes them up (services/search_index.py); a search looks through those that wait one by one. A
    database server has no such index, so there nothing waits.
    """

    __tablename__ = "message_search"

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False
    )
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(Text)
    indexed: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        Index("ix_message_search_message_id", "message_id"),
        Index(
            "ix_message_search_waiting",
            "number",
            sqlite_where=sql("indexed = 0"),
            postgresql_where=sql("NOT indexed"),
        ),
    )

    @classmethod
    def add(cls, session: Session, rows: Sequence[Values]) -> None:
        """A number that is taken (two processes, one millisecond, 1 : 4,194,304) leaves its message out."""
        dialect = session.connection().dialect.name
        if rows:
            prepared.execute(session, _add(dialect), [{**row, "indexed": dialect != "sqlite"} for row in rows])

    @classmethod
    def any_waiting(cls, session: Session) -> bool:
        return session.execute(_ANY_WAITING).first() is not None

    @classmethod
    def take_up(cls, session: Session, most: int) -> int:
        """Waiting -> indexed, the oldest first. A trigger writes the trigrams. Returns how many."""
        return affected(session, _TAKE_UP, {"most": most})


class MessageCount(Base):
    """How many messages are in a state, kept by triggers on SQLite, where counting would hold up everybody else.

    A database server counts for itself: there, the one row of a state would make all that change a message queue up.
    """

    __tablename__ = "message_counts"

    status: Mapped[str] = mapped_column(String(16), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sql(condition), "postgresql_where": sql(condition)}


Index("ix_messages_account", Message.account_id, Message.id, **_where("account_id IS NOT NULL"))
Index("ix_messages_reason", Message.reason, Message.id, **_where("reason <> ''"))
Index("ix_messages_request_id", Message.request_id, **_where("request_id <> ''"))
Index("ix_messages_created_at", Message.created_at, Message.id)
Index("ix_messages_route", Message.route, Message.priority, Message.due_at, **_where("due_at IS NOT NULL"))
Index("ix_delivery_attempts_account", DeliveryAttempt.account_id, DeliveryAttempt.message_id)


@cache
def _add(dialect: str) -> Any:
    """One statement a dialect, so that it is compiled once."""
    return insert_into(MessageSearch.__table__, dialect).on_conflict_do_nothing()


WAITS = not_(MessageSearch.indexed)  # as the partial index says it: `IS false` would not use it
_ANY_WAITING = select(MessageSearch.number).where(WAITS).limit(1)
_TAKE_UP = (
    update(MessageSearch)
    .where(
        MessageSearch.number.in_(
            select(MessageSearch.number).where(WAITS).order_by(MessageSearch.number).limit(bindparam("most"))
        )
    )
    .values(indexed=True)
)
