"""Column types and identifiers that every table shares."""

import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, in lower case
_RANDOM_BITS = 80
_NUMBER_RANDOM_BITS = 22  # with 41 bits of milliseconds, what a signed integer of 64 bits holds
_NUMBER_EPOCH = 1_577_836_800_000  # 2020 began, in milliseconds
_STEP = 1 << _RANDOM_BITS - _NUMBER_RANDOM_BITS  # between two ids of one millisecond: their numbers differ as well
_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite keeps no zone, so it is dropped on the way in and added on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone must not reach the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json: Any = JSON().with_variant(JSONB(), "postgresql")

BigNumber: Any = BigInteger().with_variant(Integer(), "sqlite")
"""A row number that never runs out; SQLite counts up an INTEGER only, which has 64 bits there."""


class _IdSource:
    """Time in milliseconds, then randomness; within one millisecond the randomness counts up, so ids sort by age."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        with self._lock:
            fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS - 1)
            # also when the clock was set back: an id never sorts before an earlier one of this process
            self._last = max(fresh, self._last + _STEP)
            return self._last


_source = _IdSource()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def new_id(prefix: str) -> str:
    """A new opaque id such as `msg_01k…`, sortable by time (26 characters after the prefix)."""
    return _written(prefix, _source.next())


def id_at(prefix: str, moment: datetime) -> str:
    """A bound: ids made before the millisecond of `moment` sort below it, those made since do not.

    So rows of an age are found by their primary key, without an index on a moment.
    """
    return _written(prefix, max(0, (moment - _EPOCH) // _MILLISECOND) << _RANDOM_BITS)


def number_of(some_id: str) -> int:
    """A number that sorts as the id does, for what knows rows by integers; never that of another id of one process.

    Raises:
        ValueError: it is no id that `new_id` made.
    """
    value = int(some_id[-26:].translate(_DIGITS), 32)
    return (value >> _RANDOM_BITS - _NUMBER_RANDOM_BITS) - (_NUMBER_EPOCH << _NUMBER_RANDOM_BITS)


def _written(prefix: str, number: int) -> str:
    return prefix + "_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
