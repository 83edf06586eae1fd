"""Empties the log of events: each is handed to everybody who counts or tells, exactly once, and is gone."""

import time
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import Event
from appliance.db.queries import events

STEP = 100  # events in one transaction, at most
LEAST = 10  # events, for each transaction costs something of its own
STEP_SECONDS = 0.03  # that one may take: with webhooks to many endpoints to write, a hundred would hold the event loop

Consumer = Callable[[Session, Sequence[Event]], None]
"""Called inside the transaction that empties the log, and perhaps twice: it touches its session only."""


class EventLog:
    """`timer` counts seconds."""

    def __init__(
        self, database: Database, consumers: Sequence[Consumer], timer: Callable[[], float] = time.perf_counter
    ) -> None:
        self._database = database
        self._consumers = tuple(consumers)
        self._timer = timer
        self._step = STEP

    def turn(self) -> bool:
        """Hands on what has gathered, at most STEP events. True: there may be more.

        How many it takes is learned from how long the last ones took.
        """
        with self._database.read() as session:
            if not events.any_waiting(session):
                return False
        step = self._step
        taken, seconds = self._database.write(partial(self._hand_on, step))
        if taken and seconds > 0:
            self._step = max(LEAST, min(STEP, 2 * step, round(taken * STEP_SECONDS / seconds)))
        return taken == step

    def _hand_on(self, step: int, session: Session) -> tuple[int, float]:
        began = self._timer()
        taken = events.take(session, step)
        for consume in self._consumers:
            consume(session, taken)
        events.remove(session, taken)
        return len(taken), self._timer() - began
