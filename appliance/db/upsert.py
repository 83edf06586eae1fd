"""INSERT ... ON CONFLICT: both kinds of database spell it alike, but SQLAlchemy has one for each."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_into(table: Any, dialect: str) -> Any:
    """An insert into that model or table which can say what to do when the row is there already."""
    return _INSERTS[dialect](table)
