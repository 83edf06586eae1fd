"""Takes away what has ended: messages with every row that hangs on them, or only their content.

Give a few hundred ids at most: they go in one statement a table. Those that wait or are being sent are passed over,
whoever asks. Files stay on disk until the clean-up finds that nobody needs them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import BindParameter, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from appliance.db.models.attachment import MessageAttachment
from appliance.db.models.base import affected
from appliance.db.models.delivery_attempt import DeliveryAttempt
from appliance.db.models.message import UNFINISHED, Message
from appliance.db.models.message_body import MessageBody, MessageTag
from appliance.db.models.message_deed import MessageDeed
from appliance.db.models.message_search import MessageSearch
from appliance.db.models.recipient import Recipient
from appliance.db.types import UtcDateTime


def remove_finished(session: Session, ids: Iterable[str]) -> int:
    """Removes those of `ids` that have ended, for good. Returns how many that were.

    Their events in the log stay: they carry what those who count and tell need.
    """
    ended = _ended(session, ids)
    if not ended:
        return 0
    for statement in _DELETE_WHAT_HANGS:
        affected(session, statement, {"ids": ended})
    return affected(session, _DELETE, {"ids": ended})


def remove_bodies(session: Session, ids: Iterable[str], *, now: datetime) -> int:
    """Text and HTML of those of `ids` that have ended. Returns how many there were."""
    ended = _without_content(session, ids, now)
    return affected(session, _DELETE_BODIES, {"ids": ended}) if ended else 0


def release_attachments(session: Session, ids: Iterable[str], *, now: datetime) -> int:
    """Those of `ids` that have ended need their files no longer; their names stay. Returns how many files that were."""
    ended = _without_content(session, ids, now)
    if not ended:
        return 0
    return affected(session, _RELEASE, {"ids": ended, "now": now})


def remove_attempts(session: Session, ids: Iterable[str]) -> int:
    """What was said at each attempt of those of `ids` that have ended. Returns how many attempts there were."""
    ended = _ended(session, ids)
    return affected(session, _DELETE_ATTEMPTS, {"ids": ended}) if ended else 0


def _ended(session: Session, ids: Iterable[str]) -> Sequence[str]:
    """Locked where several can write at once, so that none is retried between the look and the removal."""
    return session.connection().execute(_SELECT_ENDED, {"ids": list(ids)}).scalars().all()


def _without_content(session: Session, ids: Iterable[str], now: datetime) -> Sequence[str]:
    """Notes it on those that have ended, so that none of them is sent again with half of what it had."""
    return session.connection().execute(_NOTE_REMOVAL, {"ids": list(ids), "now": now}).scalars().all()


# statements that stand here cost a fraction of those that are built each time
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_ENDED = (Message.id.in_(_IDS), Message.status.not_in(UNFINISHED))
_SELECT_ENDED = select(Message.id).where(*_ENDED).order_by(Message.id).with_for_update()
_NOTE_REMOVAL = (
    update(Message)
    .where(*_ENDED)
    .values(content_removed_at=func.coalesce(Message.content_removed_at, bindparam("now", type_=UtcDateTime())))
    .returning(Message.id)
)
_RELEASE = (
    update(MessageAttachment)
    .where(MessageAttachment.message_id.in_(_IDS), MessageAttachment.removed_at.is_(None))
    .values(removed_at=bindparam("now", type_=UtcDateTime()))
)
_DELETE_BODIES = delete(MessageBody).where(MessageBody.message_id.in_(_IDS))
_DELETE_ATTEMPTS = delete(DeliveryAttempt).where(DeliveryAttempt.message_id.in_(_IDS))
_DELETE_WHAT_HANGS = (
    *(delete(model).where(model.message_id.in_(_IDS)) for model in (MessageSearch, MessageTag, MessageAttachment)),
    *(
        delete(model).where(model.message_id.in_(_IDS))
        for model in (DeliveryAttempt, MessageDeed, Recipient, MessageBody)
    ),
)
_DELETE = delete(Message).where(Message.id.in_(_IDS))
