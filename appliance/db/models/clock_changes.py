"""Moves moments that were counted from a clock that was wrong."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from appliance.db.models.message import Message
from appliance.db.models.sender_account import SenderAccount


def move_due(session: Session, moments: Mapping[str, datetime]) -> None:
    """Of messages that wait for a moment: `moments` by id."""
    if moments:
        session.connection().execute(_DUE, [{"of_message": id_, "at": at} for id_, at in moments.items()])


def move_rest(session: Session, moments: Mapping[str, datetime]) -> None:
    """Of sender accounts that rest: until when, by id."""
    if moments:
        session.connection().execute(_REST, [{"of_account": id_, "at": at} for id_, at in moments.items()])


_DUE = (
    update(Message)
    .where(Message.id == bindparam("of_message"), Message.claim_id.is_(None), Message.due_at.is_not(None))
    .values(due_at=bindparam("at"))
)
_REST = (
    update(SenderAccount)
    .where(SenderAccount.id == bindparam("of_account"), SenderAccount.breaker_until.is_not(None))
    .values(breaker_until=bindparam("at"))
)
