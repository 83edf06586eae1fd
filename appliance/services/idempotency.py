"""Gives the first answer again: one answer for each key of each API key, kept for a day.

It is asked for before anything that depends on the state of the world: what was accepted stays so when the upload,
the template or the room for more is gone meanwhile.
"""

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
from appliance.services.pace import Pace

IDEMPOTENCY_HOURS = 24
STEP = 1024 * 1024  # characters between two looks at the time
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


def hash_of_file(content: str) -> str:
    """Of base64 text, with pauses; how it is broken into lines makes no difference."""
    pace, digest = Pace(), hashlib.sha256()
    for start in range(0, len(content), STEP):
        part = "".join(content[start : start + STEP].split())
        digest.update(part.encode(errors="surrogatepass"))  # whether it is base64 at all, nobody has looked at yet
        pace.step()
    return digest.hexdigest()


def earlier_answer(session: Session, once: Once, now: datetime) -> Mapping[str, Any] | None:
    """What was remembered; only reads. Raises IdempotencyKeyReused when that was the answer to another body."""
    row = session.scalars(
        select(IdempotencyKey).where(IdempotencyKey.api_key_id == once.owner, IdempotencyKey.key == once.key)
    ).one_or_none()
    if row is None or row.created_at < _oldest(now):
        return None
    if row.body_hash != once.body_hash:
        raise IdempotencyKeyReused(once.key)
    answer: Mapping[str, Any] = row.answer
    return answer


def remember(session: Session, once: Once, answer: Mapping[str, Any], now: datetime) -> None:
    """Inside a `db.write`. Raises IntegrityError if another transaction was faster: then its answer is the first."""
    affected(session, _FORGET, {"before": _oldest(now)})
    row = {"api_key_id": once.owner, "key": once.key, "body_hash": once.body_hash}
    insert_rows(session, IdempotencyKey, row | {"answer": answer, "created_at": now})


def _oldest(now: datetime) -> datetime:
    return now - timedelta(hours=IDEMPOTENCY_HOURS)
