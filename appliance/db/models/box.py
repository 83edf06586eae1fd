"""What the box remembers of itself: when a periodic task last ran, and switches that a person sets."""

from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import String, delete, literal, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, affected, changed_one
from appliance.db.types import Json
from appliance.db.upsert import insert_into

ACCOUNTS_DELETED = "accounts_deleted"
"""The flag that says that messages may wait for an account that is deleted; its value is the last one looked at."""
ACCOUNTS_BACK = "accounts_back"
"""The flag that says that messages may be held for an account that is back; its value is that of the latest return."""
SENDING_PAUSED = "sending_paused"
"""The flag that says that nothing is sent; its value says why."""


class PauseReason(StrEnum):
    ASKED = "asked"  # by a person or a program
    RESTORED = "restored"  # this is a copy: what waits in it may have gone out already


class ScheduleRun(Base):
    __tablename__ = "schedule_runs"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)  # as in [schedule]
    last_run_at: Mapped[datetime]

    @classmethod
    def put(cls, session: Session, key: str, moment: datetime) -> None:
        """Notes it, whatever was noted before."""
        affected(session, _put(session.connection().dialect.name, cls), {"key": key, "last_run_at": moment})


class Flag(Base):
    __tablename__ = "flags"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    changed_at: Mapped[datetime]

    @classmethod
    def put(cls, session: Session, name: str, value: Any, *, now: datetime) -> None:
        """Sets it, whatever it was."""
        affected(session, _put(session.connection().dialect.name, cls), _row(name, value, now))

    @classmethod
    def put_new(cls, session: Session, name: str, value: Any, *, now: datetime) -> bool:
        """Compare-and-set. False: it was set already, and stays as it is."""
        return changed_one(session, _put_new(session.connection().dialect.name), _row(name, value, now))

    @classmethod
    def locked(cls, session: Session, name: str) -> Any:
        """Its value; on a database server nobody else changes it before this write ends. It has to be set."""
        return session.execute(select(cls.value).where(cls.name == name).with_for_update()).scalar_one()

    @classmethod
    def locked_if_set(cls, session: Session, name: str) -> Any:
        """As `locked`. None: it is not set."""
        return session.execute(select(cls.value).where(cls.name == name).with_for_update()).scalar_one_or_none()

    @classmethod
    def clear(cls, session: Session, name: str, *, if_it_is: str | None = None) -> bool:
        """False: it was not set, or to another value than `if_it_is`."""
        query = delete(cls).where(cls.name == name)
        return changed_one(session, query if if_it_is is None else query.where(cls.value == literal(if_it_is, Json)))


def _row(name: str, value: Any, now: datetime) -> dict[str, Any]:
    return {"name": name, "value": value, "changed_at": now}


@cache
def _put(dialect: str, model: type[Base]) -> Any:
    """Looking first and then inserting is not enough: on a database server two can look before either has inserted."""
    insert, table = insert_into(model, dialect), model.__table__
    changes = {column.name: insert.excluded[column.name] for column in table.columns if not column.primary_key}
    return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)


@cache
def _put_new(dialect: str) -> Any:
    return insert_into(Flag, dialect).on_conflict_do_nothing()
