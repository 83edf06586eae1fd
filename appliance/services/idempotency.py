"""Gives the first answer again: one answer for each key of each API key, kept for a day. Runs inside a `db.write`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from appliance.db.models import IdempotencyKey
from appliance.db.models.base import affected, insert_rows
from appliance.errors import IdempotencyKeyReused

IDEMPOTENCY_HOURS = 24
_FORGET = delete(IdempotencyKey).where(IdempotencyKey.created_at < bindparam("before"))


@dataclass(frozen=True, slots=True)
class Once:
    """`owner` keeps the keys of different callers apart; `body_hash` tells whether a body is the same."""

    owner: str
    key: str
    body_hash: str


def hash_of(body: Any) -> str:
    """Of the meaning, not the bytes: another order of keys or other white space is the same body."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


def earlier_answer(session: Session, once: Once, now: datetime) -> Mapping[str, Any] | None:
    """What was remembered. Raises IdempotencyKeyReused when that was the answer to another body."""
    row = session.scalars(
        select(IdempotencyKey).where(IdempotencyKey.api_key_id == once.owner, IdempotencyKey.key == once.key)
    ).one_or_none()
    if row is None:
        return None
    if row.created_at < _oldest(now):
        session.delete(row)
        session.flush()
        return None
    if row.body_hash != once.body_hash:
        raise IdempotencyKeyReused(once.key)
    answer: Mapping[str, Any] = row.answer
    return answer


def remember(session: Session, once: Once, answer: Mapping[str, Any], now: datetime) -> None:
    """Raises IntegrityError if another transaction was faster: then its answer is the first."""
    affected(session, _FORGET, {"before": _oldest(now)})
    row = {"api_key_id": once.owner, "key": once.key, "body_hash": once.body_hash}
    insert_rows(session, IdempotencyKey, row | {"answer": answer, "created_at": now})


def _oldest(now: datetime) -> datetime:
    return now - timedelta(hours=IDEMPOTENCY_HOURS)
