"""Mail that was held for a sender account which is back: it goes out, also when the process dies right after that.

Whoever brings an account back notes so in the same transaction, queues what waited for it, and takes the note back.
What is noted for longer than that takes was never queued, or not all of it: an errand does it then.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import Flag
from appliance.db.models.box import ACCOUNTS_BACK
from appliance.db.models.message import WAITING_FOR_ACCOUNTS, Reason
from appliance.db.types import new_id

ALL = (*WAITING_FOR_ACCOUNTS, Reason.ACCOUNT_GONE)
OVERDUE = timedelta(minutes=1)  # 100,000 held messages take some seconds to queue; twice does no harm


@dataclass(frozen=True, slots=True)
class ReturnOfAccounts:
    """`release` queues what is held for any of the given reasons; what still cannot go is held again."""

    database: Database
    release: Callable[[Iterable[Reason]], int]
    clock: Clock

    def note(self, session: Session, now: datetime) -> str:
        """An account is back with this transaction. Returns what `let_go` wants."""
        note = new_id("back")
        Flag.put(session, ACCOUNTS_BACK, note, now=now)
        return note

    def let_go(self, note: str, reasons: Iterable[Reason]) -> None:
        self.release(reasons)
        self.database.write(lambda session: Flag.clear(session, ACCOUNTS_BACK, if_it_is=note))

    def turn(self) -> bool:
        """Makes up for a return that the process did not survive. Always False: nothing is left to do."""
        with self.database.read() as session:
            noted = session.get(Flag, ACCOUNTS_BACK)
        if noted is not None and self.clock() - noted.changed_at >= OVERDUE:
            self.let_go(noted.value, ALL)
        return False
