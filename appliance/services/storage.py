"""Whether the database can make a write durable: remembered from the last one, and tried anew while it could not."""

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import Flag
from appliance.errors import StorageUnavailable

PROBE = "storage_probe"


class Storage:
    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def trouble(self) -> str:
        """Why the last write was not kept; empty when it was."""
        return self._database.damage or self._database.writer.trouble

    def is_damaged(self) -> bool:
        """Whether the trouble is of the file itself, so that no further try can end it."""
        return bool(self._database.damage)

    def look_again(self) -> None:
        """While there is trouble: tries a small write, so that nobody has to post a message to find that it is over."""
        if not self.trouble():
            return
        now = self._clock()

        def write(session: Session) -> None:
            Flag.put(session, PROBE, True, now=now)

        try:
            self._database.write(write)
        except StorageUnavailable:
            return  # the writer has noted it
