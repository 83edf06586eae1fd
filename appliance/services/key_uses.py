"""When each API key was last used: remembered in memory, and written down now and then, all keys in one write."""

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import ApiKey
from appliance.errors import StorageUnavailable

WRITE_SECONDS = 30.0


class KeyUses:
    """To the second. A process that dies loses what it has not written down. `timer` counts seconds."""

    def __init__(self, database: Database, timer: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._timer = timer
        self._due_at = timer() + WRITE_SECONDS
        self._unwritten: dict[str, datetime] = {}

    def note(self, key_id: str, at: datetime) -> None:
        self._unwritten[key_id] = at

    def last(self, key: ApiKey) -> datetime | None:
        """Also what is not written down yet."""
        return self._unwritten.get(key.id, key.last_used_at)

    def turn(self) -> bool:
        """Writes down what there is when it is time to; an errand, which has never more to do at once."""
        if self._timer() >= self._due_at:
            self._due_at = self._timer() + WRITE_SECONDS
            self.write_down()
        return False

    def write_down(self) -> None:
        """One write, or none where no key was used. What the database cannot take is kept for the next time."""
        uses, self._unwritten = self._unwritten, {}
        if not uses:
            return

        def write(session: Session) -> None:
            ApiKey.note_uses(session, uses)

        try:
            self._database.write(write)
        except StorageUnavailable:
            self._unwritten = uses | self._unwritten
