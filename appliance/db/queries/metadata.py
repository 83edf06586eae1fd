"""Asks for what is inside the JSON of `metadata`, in the words of each database."""

from typing import Any

from sqlalchemy import ColumnElement, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from appliance.db.models import Message


class _TextAt(FunctionElement[str]):
    """The value at a key of the outermost object, as text: `7` and `"7"` are the same, true is `true`."""

    type = Text()
    inherit_cache = True


@compiles(_TextAt, "sqlite")
def _text_at_on_sqlite(element: _TextAt, compiler: SQLCompiler, **options: Any) -> str:
    # json_each, not a path: a path cannot name a key with a quote in it
    column, key = (compiler.process(clause, **options) for clause in element.clauses)
    text = "CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(atom AS TEXT) END"
    return f"(SELECT {text} FROM json_each({column}) WHERE key = {key})"  # noqa: S608 - a column and a bound parameter


@compiles(_TextAt, "postgresql")
def _text_at_on_postgresql(element: _TextAt, compiler: SQLCompiler, **options: Any) -> str:
    column, key = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} ->> CAST({key} AS TEXT))"


def has(key: str, value: str) -> ColumnElement[bool]:
    return _TextAt(Message.meta, key) == value
