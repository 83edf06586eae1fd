"""Which addresses must not be sent to, and what that has stopped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, bindparam, func, or_, select
from sqlalchemy.orm import Session

from appliance.db.models import Message, Recipient, Suppression
from appliance.db.models.recipient import RecipientStatus
from appliance.sentences import kept

KEYS_AT_ONCE = 1000  # below what any database takes as parameters of one statement
ID_PREFIX = "sup_"  # no domain has an underscore, so an id is never taken for one

_ANY = select(Suppression.id).limit(1)
_LISTED = select(Suppression.id, Suppression.address, Suppression.reason).where(
    Suppression.address.in_(bindparam("keys", expanding=True)),
    or_(Suppression.expires_at.is_(None), Suppression.expires_at > bindparam("now")),
)


NO_REASON = kept("no reason was given")
DOMAIN = kept("the whole domain %(address)s")
DOMAIN_BECAUSE = kept("the whole domain %(address)s: %(reason)s")


@dataclass(frozen=True, slots=True)
class Listed:
    """The entry that stops a recipient. `address` is the recipient's, or its domain."""

    id: str
    address: str
    reason: str

    def __str__(self) -> str:
        """Why, for a person: it stands beside the recipient."""
        if "@" in self.address:
            return self.reason or NO_REASON
        return (DOMAIN_BECAUSE if self.reason else DOMAIN) % {"address": self.address, "reason": self.reason}


def active_for(session: Session, emails: Iterable[str], *, now: datetime) -> dict[str, Listed]:
    """Those of the canonical addresses `emails` that must not be sent to, each with the entry that says so.

    While nothing is suppressed it costs one short question, since every message asks it.
    """
    if session.connection().execute(_ANY).first() is None:
        return {}
    wanted = {email: _keys(email) for email in emails}
    listed = _listed(session, sorted({key for keys in wanted.values() for key in keys}), now)
    return {email: found for email, keys in wanted.items() if (found := _first(listed, keys))}


def page(
    session: Session, *, now: datetime, before: str | None = None, limit: int = 50, q: str = "", source: str = ""
) -> tuple[Sequence[Suppression], str | None]:
    """The newest first, with the id to go on from. `q`: a part of the address."""
    query = select(Suppression).where(Suppression.counts_at(now)).order_by(Suppression.id.desc()).limit(limit + 1)
    if before:
        query = query.where(Suppression.id < before)
    if q:
        query = query.where(Suppression.address.contains(q.lower(), autoescape=True))
    if source:
        query = query.where(Suppression.source == source)
    found = session.scalars(query).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else None


def one(session: Session, key: str) -> Suppression | None:
    """By its id or by its address. Also one that has expired and is still there."""
    column = Suppression.id if key.startswith(ID_PREFIX) else Suppression.address
    return session.scalars(select(Suppression).where(column == key)).one_or_none()


def by_address(session: Session, *, now: datetime, after: str, limit: int) -> Sequence[Suppression]:
    """In the order of the database's collation, which is the one that `after` is compared by."""
    return session.scalars(
        select(Suppression)
        .where(Suppression.counts_at(now), Suppression.address > after)
        .order_by(Suppression.address)
        .limit(limit)
    ).all()


def stopped_counts(session: Session, ids: Iterable[str]) -> dict[str, int]:
    """How many messages each of these entries keeps from a recipient."""
    found = session.execute(
        select(Recipient.suppressed_by, func.count(Recipient.message_id.distinct()))
        .where(Recipient.suppressed_by.in_(list(ids)), Recipient.status == RecipientStatus.SUPPRESSED)
        .group_by(Recipient.suppressed_by)
    )
    return {str(suppression_id): count for suppression_id, count in found}


def stopped_ids(session: Session, suppression_id: str, *, after: str, limit: int) -> Sequence[str]:
    """Of messages younger than `after` with a recipient that this entry stopped, the oldest first."""
    stopped = _stopped_by(suppression_id).where(Recipient.message_id > after)
    return session.scalars(stopped.distinct().order_by(Recipient.message_id).limit(limit)).all()


def stopped_messages(session: Session, suppression_id: str, ids: Sequence[str]) -> Sequence[tuple[str, str]]:
    """(id, status) of those of `ids` that have a recipient that this entry stopped. Inside a write.

    The rows are locked on a database server: a worker must not load them half released.
    """
    stopped = _stopped_by(suppression_id).where(Recipient.message_id.in_(ids))
    found = session.execute(
        select(Message.id, Message.status).where(Message.id.in_(stopped)).order_by(Message.id).with_for_update()
    )
    return [(message_id, status) for message_id, status in found]


def _stopped_by(suppression_id: str) -> Select[str]:
    return select(Recipient.message_id).where(
        Recipient.suppressed_by == suppression_id, Recipient.status == RecipientStatus.SUPPRESSED
    )


def _keys(email: str) -> tuple[str, str]:
    """What an entry for this recipient may say: the address itself comes before its domain."""
    key = email.lower()
    return key, key.rpartition("@")[2]


def _listed(session: Session, keys: Sequence[str], now: datetime) -> dict[str, Listed]:
    found = {}
    for start in range(0, len(keys), KEYS_AT_ONCE):
        values = {"keys": keys[start : start + KEYS_AT_ONCE], "now": now}
        found.update({row.address: Listed(*row) for row in session.connection().execute(_LISTED, values)})
    return found


def _first(listed: dict[str, Listed], keys: Iterable[str]) -> Listed | None:
    return next((listed[key] for key in keys if key in listed), None)
