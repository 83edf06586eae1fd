"""Ends messages that were not sent in time. Runs inside a `db.write`."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from appliance.db.models import Message, Recipient
from appliance.sentences import kept

EXPIRED = kept("The message expired before it could be sent.")


def expire(session: Session, message_ids: Iterable[str], now: datetime) -> int:
    """Those of `message_ids` that nobody holds and whose expiry is past. Returns how many that were."""
    expired = Message.expire(session, message_ids, now=now)
    if expired:
        Recipient.expire(session, expired, why=EXPIRED, now=now)
    return len(expired)
