"""The outbox: committed messages that are due and that nobody has claimed."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from sqlalchemy import Row, Select, bindparam, exists, func, select
from sqlalchemy.orm import Session

from appliance.db.models import Message, SenderAccount
from appliance.db.models.message import MessageStatus, Priority

Due = Row[str, str | None, datetime | None, datetime | None]

# built once: they run for every message at rest, and building them anew would take longer than running them
_DUE = (
    select(Message.id, Message.route, Message.expires_at, Message.due_at)
    .where(Message.priority == bindparam("priority"), Message.due_at <= bindparam("now"))
    .order_by(Message.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)  # on a database server: another box may be claiming
)
_DUE_FREE = _DUE.where(Message.route.is_(None))
_DUE_ON_ROUTE = _DUE.where(Message.route == bindparam("route"))


def _routes() -> Select[tuple[str | None]]:
    """From one entry of the index to the next route, and not through all that wait on it."""
    waiting = select(func.min(Message.route).label("route")).where(Message.due_at.is_not(None))
    found = waiting.where(Message.route.is_not(None)).cte("routes", recursive=True)
    following = waiting.where(Message.route > found.c.route).scalar_subquery()
    found = found.union_all(select(following).where(found.c.route.is_not(None)))
    due = Message.priority.in_(tuple(Priority)) & (Message.due_at <= bindparam("now"))
    return select(found.c.route).where(exists().where(Message.route == found.c.route, due))


_ROUTES = _routes()
_ANY_DUE = (
    select(Message.id).where(Message.priority == bindparam("priority"), Message.due_at <= bindparam("now")).limit(1)
)

MOST_AHEAD = 1_000
_A_MOMENT = timedelta(microseconds=1)
_AHEAD = (
    select(Message.id)
    .where(Message.priority == bindparam("priority"), Message.due_at < bindparam("before"))
    .limit(bindparam("most"))
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


def due_routes(session: Session, *, now: datetime) -> Sequence[str]:
    """Each choice of accounts that due messages have. Those that take any account are beside them."""
    return session.scalars(_ROUTES, {"now": now}).all()  # type: ignore[return-value]


def due(
    session: Session,
    priorities: Iterable[Priority],
    *,
    now: datetime,
    limit: int,
    routes: Sequence[str | None] = (None,),
) -> Sequence[Due]:
    """(id, choice, expiry, due since) of due messages: more urgent first, then those that waited longest.

    Only those whose `Message.choice` is one of `routes` are read: a backlog that cannot go costs the others nothing.
    """
    found: list[Due] = []
    for priority in priorities:  # one index range each: sorting over all of them would read a whole backlog
        left = limit - len(found)
        if left > 0:
            found += _oldest([_due_on(session, route, priority, now, left) for route in routes], left)
    return found


def _due_on(session: Session, route: str | None, priority: Priority, now: datetime, most: int) -> Sequence[Due]:
    values = {"priority": priority, "now": now, "most": most}
    if route is None:
        return session.execute(_DUE_FREE, values).all()
    return session.execute(_DUE_ON_ROUTE, values | {"route": route}).all()


def _oldest(lanes: Sequence[Sequence[Due]], most: int) -> Sequence[Due]:
    if len(lanes) == 1:
        return lanes[0]
    return sorted((due for lane in lanes for due in lane), key=itemgetter(3))[:most]


def expired(session: Session, *, now: datetime, limit: int = 500) -> Sequence[str]:
    """Messages that wait, due or not, and whose expiry is past."""
    return session.scalars(_EXPIRED, {"now": now, "most": limit}).all()


def has_due(session: Session, *, now: datetime) -> bool:
    return any(
        session.execute(_ANY_DUE, {"priority": priority, "now": now}).first() is not None for priority in Priority
    )


def ahead_of(session: Session, message: Message, *, now: datetime) -> int:
    """How many due messages go before this one, which is due as well: at most one more than MOST_AHEAD is counted."""
    ahead = 0
    for priority in Priority:
        before = message.due_at if priority == message.priority else now + _A_MOMENT  # it is due at `now` as well
        if priority <= message.priority and ahead <= MOST_AHEAD:
            values = {"priority": priority, "before": before, "most": MOST_AHEAD + 1 - ahead}
            ahead += len(session.execute(_AHEAD, values).all())
    return ahead


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
