"""The outbox: committed messages that are due and that nobody has claimed."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from appliance.db.models import Message, SenderAccount
from appliance.db.models.message import MessageStatus, Priority

Due = Row[str, str | None, datetime | None]

# built once: they run for every message at rest, and building them anew would take longer than running them
_DUE = (
    select(Message.id, Message.account_id, Message.expires_at)
    .where(Message.priority == bindparam("priority"), Message.due_at <= bindparam("now"))
    .order_by(Message.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)  # on a database server: another box may be claiming
)
_ANY_DUE = (
    select(Message.id).where(Message.priority == bindparam("priority"), Message.due_at <= bindparam("now")).limit(1)
)

_EXPIRED = (
    select(Message.id)
    .where(
        Message.expires_at <= bindparam("now"),
        Message.expires_at.is_not(None),
        Message.finished_at.is_(None),  # with these two the index can be used
        Message.status != MessageStatus.SENDING,
    )
    .limit(bindparam("most"))
)


def due(session: Session, priorities: Iterable[Priority], *, now: datetime, limit: int) -> Sequence[Due]:
    """(id, pinned account, expiry) of due messages: more urgent first, then those that waited longest."""
    found: list[Due] = []
    for priority in priorities:  # one index range each: sorting over all of them would read a whole backlog
        if len(found) < limit:
            values = {"priority": priority, "now": now, "most": limit - len(found)}
            found += session.execute(_DUE, values).all()
    return found


def expired(session: Session, *, now: datetime, limit: int = 500) -> Sequence[str]:
    """Messages that wait, due or not, and whose expiry is past."""
    return session.scalars(_EXPIRED, {"now": now, "most": limit}).all()


def has_due(session: Session, *, now: datetime) -> bool:
    return any(
        session.execute(_ANY_DUE, {"priority": priority, "now": now}).first() is not None for priority in Priority
    )


def accounts(session: Session) -> Sequence[SenderAccount]:
    return session.scalars(select(SenderAccount).where(SenderAccount.deleted_at.is_(None))).all()


def claims_open(session: Session, claim_ids: Iterable[str]) -> set[str]:
    """Those of `claim_ids` that still hold a message."""
    return set(session.scalars(select(Message.claim_id).where(Message.claim_id.in_(list(claim_ids))).distinct()))


def stale_claims(session: Session, *, now: datetime, limit: int = 200) -> Sequence[str]:
    """Claims whose lease has run out."""
    return session.scalars(
        select(Message.claim_id)
        .where(Message.claim_id.is_not(None), Message.lease_until < now, Message.status == MessageStatus.SENDING)
        .distinct()
        .limit(limit)
    ).all()  # type: ignore[return-value]


def claims_of_box(session: Session, prefix: str, *, excluding: Iterable[str] = (), limit: int = 200) -> Sequence[str]:
    """Claims whose id starts with `prefix`, which names the box that made them."""
    return session.scalars(
        select(Message.claim_id)
        .where(
            Message.claim_id.startswith(prefix, autoescape=True),  # no range: a server's collation may order otherwise
            Message.claim_id.not_in(list(excluding)),
            Message.status == MessageStatus.SENDING,
        )
        .distinct()
        .limit(limit)
    ).all()  # type: ignore[return-value]


def claimed(session: Session, claim_id: str) -> Sequence[Message]:
    return session.scalars(
        select(Message).where(Message.claim_id == claim_id, Message.status == MessageStatus.SENDING)
    ).all()
