"""A sender account: From identity, server and credentials; its count of the day and its circuit breaker.

The count belongs to a date, so a box that was off at midnight is right when it wakes: the count of an earlier day is
zero. A count of a later day still counts: after the clock was set back, a limit must not start anew.
The breaker needs no state of its own: it is closed without `breaker_until`, open before that moment and half-open
after it.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Index, String, Text, bindparam, case, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, changed_one
from appliance.db.models.event import Event, EventKind, of_account

BUILT_IN_MAILBOX_ID = "acc_mailbox"


class TransportKind(StrEnum):
    SMTP = "smtp"
    MAILBOX = "mailbox"


class AccountState(StrEnum):
    READY = "ready"
    PAUSED = "paused"  # by a person
    FULL = "full"  # the daily limit is reached
    RESTING = "resting"  # the breaker is open after an error
    PROBING = "probing"  # the breaker is half-open: one message tries it


class SenderAccount(Base):
    __tablename__ = "sender_accounts"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(320))
    transport: Mapped[str] = mapped_column(String(16))
    host: Mapped[str] = mapped_column(String(255), default="")
    port: Mapped[int] = mapped_column(default=0)
    security: Mapped[str] = mapped_column(String(16), default="starttls")
    username: Mapped[str] = mapped_column(String(320), default="")
    password_encrypted: Mapped[str] = mapped_column(Text, default="")
    daily_limit: Mapped[int | None]  # None: no limit
    priority: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    count_date: Mapped[str] = mapped_column(String(10), default="")
    count: Mapped[int] = mapped_column(default=0)  # reserved or sent on `count_date`
    exhausted_on: Mapped[str] = mapped_column(String(10), default="")  # the last day whose limit was reached

    breaker_failures: Mapped[int] = mapped_column(default=0)  # in a row
    breaker_until: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    last_error_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_sender_accounts_deleted_at", "deleted_at"),)

    def sent_on(self, today: str) -> int:
        return self.count if self.count_date >= today else 0

    def remaining(self, today: str) -> int | None:
        """Messages it may still send on `today`; None: no limit."""
        return None if self.daily_limit is None else max(0, self.daily_limit - self.sent_on(today))

    def state(self, now: datetime, today: str) -> AccountState:
        if not self.active:
            return AccountState.PAUSED
        if self.breaker_until is not None and self.breaker_until > now:
            return AccountState.RESTING
        if self.remaining(today) == 0:
            return AccountState.FULL
        return AccountState.READY if self.breaker_until is None else AccountState.PROBING

    @classmethod
    def reserve(cls, session: Session, account_id: str, count: int, *, today: str, now: datetime) -> bool:
        """Takes `count` messages out of the day's limit, all or none, in one statement: no reader in between."""
        values = {"of_account": account_id, "messages": count, "today": today}
        reserved = session.connection().execute(_RESERVE, values).one_or_none()
        if reserved is not None and reserved.count == reserved.daily_limit:
            cls._note_exhausted(session, account_id, today, now)
        return reserved is not None

    @classmethod
    def _note_exhausted(cls, session: Session, account_id: str, today: str, now: datetime) -> None:
        """Once a day, however often a message that was not sent gives back its place and another one takes it."""
        query = update(cls).where(cls.id == account_id, cls.exhausted_on < today).values(exhausted_on=today)
        if changed_one(session, query):
            Event.note(session, [of_account(EventKind.ACCOUNT_EXHAUSTED, account_id, now)])

    @classmethod
    def refund(cls, session: Session, account_id: str, count: int, *, day: str) -> bool:
        """Gives back what was reserved on `day` and not used. A day that is over is left as it is."""
        return changed_one(
            session,
            update(cls)
            .where(cls.id == account_id, cls.count_date == day)
            .values(count=case((cls.count > count, cls.count - count), else_=0)),
        )

    @classmethod
    def trip(
        cls, session: Session, account_id: str, *, known_failures: int, now: datetime, rest: timedelta, error: str
    ) -> bool:
        """Opens the breaker for `rest`. Messages that fail together know the same number of failures: one counts."""
        query = update(cls).where(cls.id == account_id, cls.breaker_failures == known_failures)
        trouble = {"breaker_until": now + rest, "last_error": error, "last_error_at": now}
        tripped = changed_one(session, query.values(breaker_failures=known_failures + 1, **trouble))
        if tripped and known_failures == 0:
            Event.note(session, [of_account(EventKind.ACCOUNT_BROKEN, account_id, now)])
        return tripped

    @classmethod
    def probe(cls, session: Session, account_id: str, *, now: datetime, until: datetime) -> bool:
        """Half-open: lets one claim through, and keeps the others out until it has an answer or `until` has passed."""
        return changed_one(
            session,
            update(cls).where(cls.id == account_id, cls.breaker_until <= now).values(breaker_until=until),
        )

    @classmethod
    def close_breaker(cls, session: Session, account_id: str, *, now: datetime) -> bool:
        """It works again."""
        query = update(cls).where(cls.id == account_id, cls.breaker_until.is_not(None))
        closed = changed_one(session, query.values(breaker_failures=0, breaker_until=None))
        if closed:
            Event.note(session, [of_account(EventKind.ACCOUNT_RECOVERED, account_id, now)])
        return closed


_SPENT = case((SenderAccount.count_date >= bindparam("today"), SenderAccount.count), else_=0)
_RESERVE = (
    update(SenderAccount)
    .where(
        SenderAccount.id == bindparam("of_account"),
        SenderAccount.active.is_(True),
        SenderAccount.deleted_at.is_(None),
        SenderAccount.daily_limit.is_(None) | (_SPENT + bindparam("messages") <= SenderAccount.daily_limit),
    )
    .values(
        count=_SPENT + bindparam("messages"),
        count_date=case(
            (SenderAccount.count_date > bindparam("today"), SenderAccount.count_date), else_=bindparam("today")
        ),
    )
    .returning(SenderAccount.count, SenderAccount.daily_limit)
)


class AccountDay(Base):
    """What an account sent on a day that is over."""

    __tablename__ = "account_days"

    account_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    sent: Mapped[int]
