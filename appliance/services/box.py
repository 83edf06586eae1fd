"""The switch of the whole box: paused, it accepts messages and sends none, and no webhook either.

A restored copy starts so: what waits in it may have gone out from the box that the backup was made of. Whoever starts
it says what becomes of what waits: it is sent, or held for a person to release, or cancelled. The last two are a job,
and the pause ends with the job.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, Flag, Job, Message, MessageDeed
from appliance.db.models.box import SENDING_PAUSED, PauseReason
from appliance.db.models.message import WAITING, Reason
from appliance.db.queries import box, matching
from appliance.db.queries.box import Pause
from appliance.db.queries.matching import Look, MessageSet
from appliance.db.queries.message_filters import Filters
from appliance.errors import FieldError, InvalidInput, WrongState
from appliance.language import gettext
from appliance.services import audit
from appliance.services.audit import Actor
from appliance.services.jobs import Jobs, Made, NewJob
from appliance.services.permission import Permission, needs
from appliance.services.waiting import Waiting, WaitingMessages

LONGEST_REASON = 500
KIND = "box.resume"
_WAITS = Filters(status=WAITING)


class Waits(StrEnum):
    """What becomes of the messages that wait when sending starts."""

    SEND = "send"
    HOLD = "hold"
    CANCEL = "cancel"


class Box:
    """Also the `Work` of the job that it makes. `on_due` is called when messages may be due."""

    def __init__(self, database: Database, jobs: Jobs, *, on_due: Callable[[], object], clock: Clock) -> None:
        self._database = database
        self._jobs = jobs
        self._on_due = on_due
        self._clock = clock
        self._waiting = WaitingMessages(database, clock=clock)

    @property
    def paused(self) -> bool:
        """Whether nothing may be sent. One read of one row: other processes can turn the switch as well."""
        return self.pause_in_force() is not None

    def pause_in_force(self) -> Pause | None:
        with self._database.read() as session:
            return box.pause(session)

    def waiting(self) -> Waiting:
        """What would be sent; at most a minute old, for it is counted in steps."""
        return self._waiting.count()

    @needs(Permission.OPERATE)
    def pause(self, reason: str) -> None:
        """Nothing more is claimed; what is being sent is finished.

        Raises:
            WrongState: it is paused already.
        """
        reason = reason.strip()
        if len(reason) > LONGEST_REASON:
            raise InvalidInput(
                [FieldError("reason", gettext("Give at most %(most)s characters.", most=LONGEST_REASON))]
            )
        now = self._clock()
        value = {"reason": PauseReason.ASKED, "detail": reason, "by": audit.acting().name}
        row = audit.entry("box.paused", "", {"reason": reason}, now)

        already = gettext("The box is paused already.")

        def write(session: Session) -> None:
            if not Flag.put_new(session, SENDING_PAUSED, value, now=now):
                raise WrongState(already)
            AuditEntry.note(session, row)

        self._database.write(write)

    @needs(Permission.OPERATE)
    def resume(self, waits: Waits = Waits.SEND) -> Made | None:
        """Starts sending; harmless when it sends already. Returns the job that holds or cancels first, if one does."""
        if waits is Waits.SEND or not self.paused:
            self._resume()
            return None
        with self._database.read() as session:
            newest, before = matching.newest(session), _accepted_before(box.pause(session))
        total = self._waiting.count().total
        parameters = {"waits": waits, "newest": newest, "accepted_before": before}
        return self._jobs.make(NewJob(KIND, parameters, total, {"waits": waits}))

    def look(self, session: Session, job: Job, *, after: str, limit: int) -> Look | None:
        return matching.look(session, MessageSet(_asked_about(job), job.parameters["newest"]), after=after, limit=limit)

    def change(self, session: Session, job: Job, ids: Sequence[str], now: datetime) -> int:
        """What is to go later than now was not sent by anybody, so it is not held."""
        if job.parameters["waits"] == Waits.CANCEL:
            changed, action = Message.cancel(session, ids, now=now), "message.cancelled"
        else:
            due = box.not_scheduled_later(session, ids, now=now)
            changed, action = Message.hold(session, due, reason=Reason.KEPT_BACK, until=None), "message.held"
        MessageDeed.note(session, changed, action, job.done_by, now)
        return len(changed)

    def settle(self, session: Session, job: Job, now: datetime) -> None:
        """In the name of who asked for it, who does not act where a write runs."""
        if Flag.clear(session, SENDING_PAUSED):
            with audit.act_as(Actor(**job.actor)):
                AuditEntry.note(session, audit.entry("box.resumed", "", {"waits": job.parameters["waits"]}, now))

    def tell(self) -> None:
        self._on_due()

    def _resume(self) -> None:
        row = audit.entry("box.resumed", "", {"waits": Waits.SEND}, self._clock())

        def write(session: Session) -> None:
            if Flag.clear(session, SENDING_PAUSED):
                AuditEntry.note(session, row)

        self._database.write(write)
        self._on_due()


def _accepted_before(found: Pause | None) -> str:
    """In a restored copy only what came with the backup is asked about: what was accepted since cannot be a double."""
    return found.since.isoformat() if found is not None and found.reason is PauseReason.RESTORED else ""


def _asked_about(job: Job) -> Filters:
    before = job.parameters["accepted_before"]
    return replace(_WAITS, until=datetime.fromisoformat(before)) if before else _WAITS
