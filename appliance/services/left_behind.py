"""Mail that waits for a sender account which is deleted: it is not to wait any longer for what will not come.

The deletion notes in its own transaction that there is something to look for, and an errand looks, some messages at a
time: a process that dies at any line leaves a note that says where the next one goes on.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Row
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import Flag, Message
from appliance.db.models.box import ACCOUNTS_DELETED
from appliance.db.models.message import WAITING_FOR_ACCOUNTS, Reason
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.db.queries import left_behind

STEP = 200  # held messages in one write: some 25 ms of the event loop
_ONLY_MAILBOX = {BUILT_IN_MAILBOX_ID}


@dataclass(slots=True)
class _Found:
    """Ids of messages. `freed`: the built-in mailbox takes them now, which their API key may use."""

    gone: list[str] = field(default_factory=list)
    stranded: list[str] = field(default_factory=list)
    freed: list[str] = field(default_factory=list)


class LeftBehind:
    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def note(self, session: Session, now: datetime) -> None:
        """An account is deleted in this transaction: all that is held is looked at from the oldest on."""
        Flag.put(session, ACCOUNTS_DELETED, "", now=now)

    def turn(self) -> bool:
        """Looks at some of what is held. True: there may be more."""
        with self._database.read() as session:
            if not left_behind.any_noted(session):
                return False
        now = self._clock()
        return self._database.write(lambda session: _look(session, now))


def _look(session: Session, now: datetime) -> bool:
    after = Flag.locked_if_set(session, ACCOUNTS_DELETED)
    if after is None:
        return False  # another box was faster
    held = left_behind.held(session, after=after, most=STEP)
    _settle(session, _sort(held, left_behind.accounts_there(session)), now)
    if len(held) < STEP:
        Flag.clear(session, ACCOUNTS_DELETED)
        return False
    Flag.put(session, ACCOUNTS_DELETED, held[-1].id, now=now)
    return True


def _sort(held: Sequence[Row[str, str, str | None]], there: Set[str]) -> _Found:
    found = _Found()
    for message_id, reason, choice in held:
        usable = there if choice is None else there & set(choice.split())
        if reason not in WAITING_FOR_ACCOUNTS:
            continue
        if not usable and choice is not None:
            found.gone.append(message_id)
        elif usable <= _ONLY_MAILBOX and choice is None:
            found.stranded.append(message_id)
        elif usable == _ONLY_MAILBOX and choice != BUILT_IN_MAILBOX_ID:
            found.freed.append(message_id)
    return found


def _settle(session: Session, found: _Found, now: datetime) -> None:
    """What was to leave the box does not end in the mailbox for that its account is deleted: a person decides."""
    Message.leave_behind(session, found.gone, reason=Reason.ACCOUNT_GONE)
    Message.leave_behind(session, found.stranded, reason=Reason.NO_ACCOUNT)
    Message.release(session, found.freed, now=now)
