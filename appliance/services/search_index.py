"""Takes subjects up into the index of the search, a few at a time, after their messages were accepted."""

from appliance.db.database import Database
from appliance.db.models import MessageSearch

STEP = 100  # subjects in one write: some milliseconds in which everybody waits


class SearchIndex:
    def __init__(self, database: Database) -> None:
        self._database = database

    def turn(self) -> bool:
        """Takes up what waits, at most STEP subjects. True: there may be more."""
        with self._database.read() as session:
            if not MessageSearch.any_waiting(session):
                return False
        return self._database.write(lambda session: MessageSearch.take_up(session, STEP)) == STEP
