"""Sender accounts as they are shown."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.db.models import AccountDay, SenderAccount


def page(session: Session, *, after: str | None = None, limit: int = 50) -> tuple[Sequence[SenderAccount], str | None]:
    """In the order of their ids, with the id to go on after."""
    query = select(SenderAccount).where(SenderAccount.deleted_at.is_(None)).order_by(SenderAccount.id)
    if after:
        query = query.where(SenderAccount.id > after)
    found = session.scalars(query.limit(limit + 1)).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else None


def by_priority(session: Session) -> Sequence[SenderAccount]:
    """In the order in which they are used."""
    return session.scalars(
        select(SenderAccount)
        .where(SenderAccount.deleted_at.is_(None))
        .order_by(SenderAccount.priority.desc(), SenderAccount.name)
    ).all()


def one(session: Session, account_id: str) -> SenderAccount | None:
    account = session.get(SenderAccount, account_id)
    return None if account is None or account.deleted_at is not None else account


def was_ever(session: Session, account_id: str) -> bool:
    """Whether there is or was such an account: those that were deleted are kept for their messages."""
    return session.get(SenderAccount, account_id) is not None


def days(session: Session, account_id: str, *, limit: int = 31) -> Sequence[AccountDay]:
    """The newest day first."""
    return session.scalars(
        select(AccountDay).where(AccountDay.account_id == account_id).order_by(AccountDay.day.desc()).limit(limit)
    ).all()
