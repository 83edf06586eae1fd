"""Two writes at the same moment, on a database server: one has changed its row and not committed yet."""

from collections.abc import Callable

import gevent
from sqlalchemy import text
from sqlalchemy.orm import Session

from appliance.db.database import Database
from tests.waiting import wait_until

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def in_between(database: Database, first: Callable[[Session], object], meanwhile: Callable[[], object]) -> None:
    """Begins `meanwhile` when `first` has done its part, and commits `first` when it waits for that, or has ended."""

    def write(session: Session) -> gevent.Greenlet:
        first(session)
        other = gevent.spawn(meanwhile)
        wait_until(lambda: other.ready() or _somebody_waits(database))
        return other

    database.write(write).get(timeout=10)


def _somebody_waits(database: Database) -> bool:
    """For a lock, in this database."""
    with database.read() as session:
        return bool(session.scalar(text(_WAITING)))
