"""What can be done to many messages at once: the verbs of message.py by the name that a client gives them."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from appliance.db.models.message import RETRYABLE, UNFINISHED, WAITING, Message, MessageStatus, can_go_again
from appliance.db.models.message_deed import DoneBy, MessageDeed
from appliance.db.models.message_removal import remove_finished
from appliance.db.models.recipient import Recipient


class SetAction(StrEnum):
    CANCEL = "cancel"
    RETRY = "retry"
    RELEASE = "release"
    DELETE = "delete"


def movable(action: SetAction, now: datetime) -> ColumnElement[bool]:
    """The condition for messages that `apply` would change now."""
    match action:
        case SetAction.CANCEL:
            return Message.status.in_(WAITING)
        case SetAction.RETRY:
            return Message.status.in_(RETRYABLE) & can_go_again(now)
        case SetAction.RELEASE:
            return Message.status == MessageStatus.HELD
        case SetAction.DELETE:
            return Message.status.not_in(UNFINISHED)


def apply(session: Session, action: SetAction, ids: Sequence[str], by: DoneBy, *, now: datetime) -> int:
    """Changes those of `ids`, a few hundred at most, for which the verb makes sense; the others stay as they are.

    Each that is changed and stays says by whom. Returns how many were changed. A message that is being sent is never
    among them.
    """
    if action is SetAction.DELETE:
        return remove_finished(session, ids)
    changed = _VERBS[action](session, ids, now=now)
    MessageDeed.note(session, changed, _DEEDS[action], by, now)
    return len(changed)


def _retry(session: Session, ids: Sequence[str], *, now: datetime) -> list[str]:
    retried = Message.retry(session, ids, now=now)
    Recipient.retry(session, retried)
    return retried


_VERBS = {SetAction.CANCEL: Message.cancel, SetAction.RETRY: _retry, SetAction.RELEASE: Message.release}
_DEEDS = {
    SetAction.CANCEL: "message.cancelled",
    SetAction.RETRY: "message.retried",
    SetAction.RELEASE: "message.released",
}
