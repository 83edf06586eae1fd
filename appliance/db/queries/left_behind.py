"""What waits for sender accounts while one of them is deleted."""

from collections.abc import Sequence

from sqlalchemy import Row, bindparam, exists, select
from sqlalchemy.orm import Session

from appliance.db.models import Flag, Message, SenderAccount
from appliance.db.models.box import ACCOUNTS_DELETED
from appliance.db.models.message import MessageStatus

# built once: it is asked every second
_NOTED = select(exists().where(Flag.name == ACCOUNTS_DELETED))
_HELD = (
    select(Message.id, Message.reason, Message.route)
    .where(Message.status == MessageStatus.HELD, Message.id > bindparam("after"))
    .order_by(Message.id)
    .limit(bindparam("most"))
)


def any_noted(session: Session) -> bool:
    """Whether an account was deleted and what it left behind is not all looked after."""
    return bool(session.scalar(_NOTED))


def held(session: Session, *, after: str, most: int) -> Sequence[Row[str, str, str | None]]:
    """(id, reason, choice) of the next held messages, by age, whatever they are held for."""
    return session.execute(_HELD, {"after": after, "most": most}).all()


def accounts_there(session: Session) -> set[str]:
    """The ids of those that are not deleted."""
    return set(session.scalars(select(SenderAccount.id).where(SenderAccount.deleted_at.is_(None))))
