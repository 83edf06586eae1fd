"""Statements that every message needs: compiled once, and from then on handed straight to the driver.

SQLAlchemy looks a statement up in its cache and prepares its values anew for each execution, which takes longer than
SQLite takes to run it. What it compiled is all that is needed: the text, the order of the values, how each is written.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, CursorResult, Delete, Dialect, Insert, Update
from sqlalchemy.orm import Session
from sqlalchemy.sql.visitors import iterate

Values = Mapping[str, Any]
Statement = Insert | Update | Delete
_DIALECTS: dict[str, Dialect] = {}


@cache
def suits(statement: Statement) -> bool:
    """Not if it takes a list: its text depends on how long that is."""
    return not any(isinstance(part, BindParameter) and part.expanding for part in iterate(statement))


def execute(session: Session, statement: Statement, rows: Sequence[Values]) -> CursorResult[Any]:
    """Executes `statement`, which suits and returns no rows, once for each of `rows`, which name the same values.

    It must stand in a module: what was made of it is kept for as long as the process lives.
    """
    connection = session.connection()
    dialect = _DIALECTS.setdefault(connection.dialect.name, connection.dialect)
    prepared = _prepared(statement, dialect, tuple(rows[0]))
    written = [prepared.write(row) for row in rows]
    return connection.exec_driver_sql(prepared.text, written if len(written) > 1 else written[0])


class _Prepared:
    """One text, and how it gets its values: those that each row names, those that the statement says itself, and the
    defaults of columns that no row names."""

    def __init__(self, statement: Statement, dialect: Dialect, names: Sequence[str]) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=names if isinstance(statement, Insert) else None)
        self.text: str = compiled.string
        self._positional: bool = compiled.positional
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        self._names: Sequence[str] = compiled.positiontup if self._positional else list(binds)
        self._writers = [(name, _writer(binds[name].type, dialect)) for name in self._names]
        defaults = {column.key: column.default for column in compiled.insert_prefetch}
        said = {name: value for name, value in compiled.params.items() if not binds[name].required}
        self._constants = said | {name: one.arg for name, one in defaults.items() if one.is_scalar}
        self._made = [(name, one.arg) for name, one in defaults.items() if one.is_callable]

    def write(self, row: Values) -> Any:
        """As the driver takes them."""
        values = {**self._constants, **row}
        for name, make in self._made:
            values[name] = make(None)
        written = [values[name] if write is None else write(values[name]) for name, write in self._writers]
        return tuple(written) if self._positional else dict(zip(self._names, written, strict=True))


@cache
def _prepared(statement: Statement, dialect: Dialect, names: tuple[str, ...]) -> _Prepared:
    return _Prepared(statement, dialect, names)


def _writer(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    """What makes of a value what the driver takes; None where that is the same."""
    writer: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return writer
