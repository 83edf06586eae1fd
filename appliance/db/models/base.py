"""The declarative base; its naming convention gives every constraint a name that a migration can speak of."""

from datetime import datetime
from functools import cache
from typing import Any, ClassVar

from sqlalchemy import Delete, Insert, MetaData, Update, insert
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import DeclarativeBase, Session

from appliance.db import prepared
from appliance.db.prepared import Values as Values  # models speak of them too
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


def affected(session: Session, statement: Update | Delete, values: Values | None = None) -> int:
    """Executes a compare-and-set and returns how many rows it changed.

    A statement that stands in a module, with `bindparam`s for `values`, costs a tenth of one that is built each time:
    the hot ones do.
    """
    if values is not None and prepared.suits(statement):
        return prepared.execute(session, statement, [values]).rowcount
    result = session.connection().execute(statement, values)
    assert isinstance(result, CursorResult)
    return result.rowcount


def changed_one(session: Session, statement: Update | Delete, values: Values | None = None) -> bool:
    return affected(session, statement, values) == 1


def insert_rows(session: Session, model: type[Base], *rows: Values) -> None:
    """Inserts by column name, past the unit of work, which would cost more than the insert itself."""
    if rows:
        prepared.execute(session, _insert_into(model), rows)


@cache
def _insert_into(model: type[Base]) -> Insert:
    return insert(model.__table__)  # type: ignore[arg-type]
