"""What has reached its age, found window by window along the primary key: a look stays short however much there is."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    Select,
    String,
    Subquery,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal,
    not_,
    select,
    true,
)
from sqlalchemy.orm import Session

from appliance.db.models import (
    AccountDay,
    AuditEntry,
    DeliveryAttempt,
    IdempotencyKey,
    KeptMail,
    Message,
    MessageAttachment,
    MessageBody,
    ScheduleRun,
)
from appliance.db.models.message import INCOMPLETE, UNFINISHED
from appliance.db.types import id_at

ROW_BYTES = 2_000  # of a message beside its body: rows in five tables and their indexes (tests/bench/retention.py)
ATTEMPT_BYTES = 350
SMALL_ROW_BYTES = 300


@dataclass(frozen=True, slots=True)
class Ages:
    """Before which moment a thing that has ended goes; `incomplete`: when not everybody got it. None: it stays."""

    ended: datetime | None
    incomplete: datetime | None

    @property
    def earliest_kept_id(self) -> str:
        """No message that is accepted since then goes, however it ended."""
        return id_at("msg", self.ended) if self.ended else ""


@dataclass(frozen=True, slots=True)
class Window:
    """`ids` may go: they have `count` things of about `size` bytes. `last`: where to go on; None: that was the end."""

    ids: Sequence[str]
    count: int
    size: int
    last: str | None


Rows = Sequence[Any]
Find = Callable[[Session, str, int], Window]
"""Looks at so many things after a place. Built once a sweep: building its statement takes longer than a look."""


def messages(ages: Ages) -> Find:
    return _find(
        select(Message.id, Message.size + ROW_BYTES, _over(ages))
        .where(Message.id > _AFTER, Message.id < ages.earliest_kept_id)
        .order_by(Message.id)
        .limit(_MOST)
    )


def bodies(ages: Ages, whole: Ages) -> Find:
    """Not those of messages that go as a `whole`."""
    return _find(
        select(MessageBody.message_id, Message.size, and_(_over(ages), not_(_over(whole))))
        .join(Message, Message.id == MessageBody.message_id)
        .where(MessageBody.message_id > _AFTER, MessageBody.message_id < ages.earliest_kept_id)
        .order_by(MessageBody.message_id)
        .limit(_MOST)
    )


def attachments(ages: Ages) -> Find:
    """Also those of messages that go as a whole, for the files are what counts. A shared file counts at each."""
    of_message = (
        select(MessageAttachment.message_id, func.sum(MessageAttachment.size).label("size"), func.count().label("many"))
        .where(
            MessageAttachment.removed_at.is_(None),
            MessageAttachment.message_id > _AFTER,
            MessageAttachment.message_id < ages.earliest_kept_id,
        )
        .group_by(MessageAttachment.message_id)
        .order_by(MessageAttachment.message_id)
        .limit(_MOST)
        .subquery()
    )
    return _find(_judged(of_message, _over(ages)))


def attempts(ages: Ages, whole: Ages) -> Find:
    """Not those of messages that go as a `whole`."""
    of_message = (
        select(DeliveryAttempt.message_id, (func.count() * ATTEMPT_BYTES).label("size"), func.count().label("many"))
        .where(DeliveryAttempt.message_id > _AFTER, DeliveryAttempt.message_id < ages.earliest_kept_id)
        .group_by(DeliveryAttempt.message_id)
        .order_by(DeliveryAttempt.message_id)
        .limit(_MOST)
        .subquery()
    )
    return _find(_judged(of_message, and_(_over(ages), not_(_over(whole)))))


def kept_mail(before: datetime) -> Find:
    return _find(_by_key(KeptMail.id, KeptMail.size, id_at("mail", before)))


def audit_entries(before: datetime) -> Find:
    return _find(_by_key(AuditEntry.id, func.length(AuditEntry.target) + SMALL_ROW_BYTES, id_at("aud", before)))


def account_days(before: str) -> Find:
    """The days, of which each has a row for each account."""
    many = func.count()
    of_day = _by_key(AccountDay.day, many * SMALL_ROW_BYTES, before).add_columns(many)
    return _find(of_day.group_by(AccountDay.day))


def schedule_runs(known: Collection[str]) -> Find:
    """Of periodic tasks that there are no longer."""
    return _find(
        select(ScheduleRun.key, literal(0), true())
        .where(ScheduleRun.key > _AFTER, ScheduleRun.key.not_in(known))
        .order_by(ScheduleRun.key)
        .limit(_MOST)
    )


def idempotency_keys(before: datetime) -> Find:
    """Their ids are numbers that grow with time."""
    newest_old = select(IdempotencyKey.id).where(IdempotencyKey.created_at < before)
    last = newest_old.order_by(IdempotencyKey.created_at.desc()).limit(1).scalar_subquery()
    statement = (
        select(cast(IdempotencyKey.id, String), literal(SMALL_ROW_BYTES), true())
        .where(IdempotencyKey.id > bindparam("number"), IdempotencyKey.id <= last, IdempotencyKey.created_at < before)
        .order_by(IdempotencyKey.id)
        .limit(_MOST)
    )

    def find(session: Session, after: str, limit: int) -> Window:
        rows: Rows = session.connection().execute(statement, {"number": int(after or 0), "most": limit}).all()
        return _window(rows, limit)

    return find


_AFTER = bindparam("after", type_=String)
_MOST = bindparam("most", type_=Integer)


def _find(statement: Executable) -> Find:
    """`statement` gives id, bytes, whether it may go, and how many things it has (one, unless it says so)."""

    def find(session: Session, after: str, limit: int) -> Window:
        rows: Rows = session.connection().execute(statement, {"after": after, "most": limit}).all()
        return _window(rows, limit)

    return find


def _over(ages: Ages) -> ColumnElement[bool]:
    if ages.ended is None:
        return false()
    ended = Message.status.not_in(UNFINISHED)
    if ages.incomplete is None:
        return and_(ended, Message.status.not_in(INCOMPLETE), Message.finished_at < ages.ended)
    before = case((Message.status.in_(INCOMPLETE), ages.incomplete), else_=ages.ended)
    return and_(ended, Message.finished_at < before)


def _judged(of_message: Subquery, may_go: ColumnElement[bool]) -> Select[Any]:
    return (
        select(of_message.c.message_id, of_message.c.size, may_go, of_message.c.many)
        .join(Message, Message.id == of_message.c.message_id)
        .order_by(of_message.c.message_id)
    )


def _by_key(key: Any, size: Any, bound: str) -> Select[Any]:
    """Whatever has a smaller key than `bound`."""
    return select(key, size, true()).where(key > _AFTER, key < bound).order_by(key).limit(_MOST)


def _window(rows: Rows, limit: int) -> Window:
    going = [row for row in rows if row[2]]
    return Window(
        ids=[row[0] for row in going],
        count=sum(row[3] if len(row) > 3 else 1 for row in going),
        size=sum(int(row[1]) for row in going),
        last=rows[-1][0] if len(rows) == limit else None,
    )
