"""The declarative base; its naming convention gives every constraint a name that a migration can speak of."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Delete, MetaData, Update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import DeclarativeBase, Session

from appliance.db.types import UtcDateTime


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime}


def affected(session: Session, statement: Update | Delete) -> int:
    """Executes a compare-and-set and returns how many rows it changed."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount


def changed_one(session: Session, statement: Update | Delete) -> bool:
    return affected(session, statement) == 1
