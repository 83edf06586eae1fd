"""Sends out what a suppression has stopped: at once where that is little, by a job where it is much."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import delete
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import Job, Message, MessageDeed, Recipient, Suppression
from appliance.db.models.base import affected
from appliance.db.models.message import WAITING
from appliance.db.models.message_deed import DoneBy
from appliance.db.queries import suppressions
from appliance.db.queries.matching import Look
from appliance.services import audit
from appliance.services.jobs import Jobs, NewJob

KIND = "suppression.release"
STEP = 500  # messages in one write, so that a hundred thousand hold nobody up


class SuppressionRelease:
    """The `Work` of its jobs. Goes by age and looks at each message once: what is suppressed anew stays so.

    `on_due` is called when messages may be due.
    """

    def __init__(self, database: Database, jobs: Jobs, *, on_due: Callable[[], object], clock: Clock) -> None:
        self._database = database
        self._jobs = jobs
        self._on_due = on_due
        self._clock = clock

    def now(self, suppression_id: str) -> int:
        """Returns how many messages go out. Dying half-way is made up for by the next call."""
        released, after, by = 0, "", DoneBy(audit.acting().name)
        while ids := self._stopped(suppression_id, after):
            released += self._database.write(partial(_release, suppression_id, ids, by, self._clock()))
            after = ids[-1]
        self._database.write(partial(_forget, suppression_id, self._clock()))
        if released:
            self._on_due()
        return released

    def later(self, suppression_id: str, address: str, stopped: int) -> str:
        """Returns the id of the job."""
        about = {"suppression": suppression_id, "address": address}
        return self._jobs.make(NewJob(KIND, about, stopped, about)).id

    def look(self, session: Session, job: Job, *, after: str, limit: int) -> Look | None:
        ids = suppressions.stopped_ids(session, job.parameters["suppression"], after=after, limit=limit)
        return Look(ids, ids[-1]) if ids else None

    def change(self, session: Session, job: Job, ids: Sequence[str], now: datetime) -> int:
        return _release(job.parameters["suppression"], ids, job.done_by, now, session)

    def settle(self, session: Session, job: Job, now: datetime) -> None:
        _forget(job.parameters["suppression"], now, session)

    def tell(self) -> None:
        self._on_due()

    def _stopped(self, suppression_id: str, after: str) -> Sequence[str]:
        with self._database.read() as session:
            return suppressions.stopped_ids(session, suppression_id, after=after, limit=STEP)


def _release(suppression_id: str, ids: Sequence[str], by: DoneBy, now: datetime, session: Session) -> int:
    """A message that is being sent is left alone: its worker knows only the recipients that it began with."""
    stopped = suppressions.stopped_messages(session, suppression_id, ids)
    waiting = [message_id for message_id, status in stopped if status in WAITING]
    reopened = Message.reopen(session, [message_id for message_id, _ in stopped], now=now)
    Recipient.release(session, [*waiting, *reopened], suppression_id=suppression_id)
    MessageDeed.note(session, reopened, "message.retried", by, now)
    return len(waiting) + len(reopened)


def _forget(suppression_id: str, now: datetime, session: Session) -> None:
    """Unless somebody has suppressed it anew meanwhile."""
    affected(session, delete(Suppression).where(Suppression.id == suppression_id, Suppression.expires_at <= now))
