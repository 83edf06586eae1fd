"""Periodic work by the name of its key in [schedule], the memory of when it last ran, and how that went."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, Flag, ScheduleRun
from appliance.errors import NotFound, StorageUnavailable
from appliance.services import audit
from appliance.services.permission import Permission, needs, require

Work = Callable[[], dict[str, Any]]

ADMINISTERED = frozenset({"backup", "apply_retention", "prune_statistics"})
"""What holds every secret, or removes for good what people may want to look at: asked for here as anywhere else."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the latest run went. `result`: what the work said of itself. `error`: why it broke; empty if it did not.

    `started_at` as RFC 3339. `task_id`: of the task that it was; empty where it was none.
    """

    started_at: str
    seconds: float
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    task_id: str = ""


class Periodic:
    def __init__(self, database: Database, work: Mapping[str, Work], *, clock: Clock) -> None:
        self._database = database
        self._work = dict(work)
        self._clock = clock

    def run(self, key: str, task_id: str = "") -> dict[str, Any]:
        """Does the work, then notes that it was done: work that died half-way is made up at the next start.

        Work that breaks is noted with its reason, but not as done.
        """
        if key not in self._work:
            raise NotFound("periodic task", key)
        started_at = self._clock()
        try:
            result = self._work[key]()
        except Exception as error:
            with suppress(StorageUnavailable):  # what broke the work is to be heard, not this
                self._note(key, started_at, task_id, error=str(error) or type(error).__name__)
            raise
        self._note(key, started_at, task_id, result=result)
        return result

    @needs(Permission.OPERATE)
    def ask(self, key: str) -> None:
        """Notes who asked for a run, before it is enqueued. Raises Forbidden, NotFound, StorageUnavailable."""
        require(permission_for(key))
        if key not in self._work:
            raise NotFound("periodic task", key)
        row = audit.entry("schedule.run", key, {}, self._clock())
        self._database.write(lambda session: AuditEntry.note(session, row))

    def last_run_at(self, key: str) -> datetime | None:
        with self._database.read() as session:
            run = session.get(ScheduleRun, key)
            return run.last_run_at if run else None

    def outcomes(self) -> Mapping[str, Outcome]:
        """Of each key whose latest run is known."""
        with self._database.read() as session:
            found = {key: session.get(Flag, _flag(key)) for key in self._work}
            return {key: Outcome(**flag.value) for key, flag in found.items() if flag is not None}

    def note_run(self, key: str, moment: datetime) -> None:
        self._database.write(lambda session: ScheduleRun.put(session, key, moment))

    def _note(self, key: str, started_at: datetime, task_id: str, **how: Any) -> None:
        now = self._clock()
        outcome = Outcome(started_at.isoformat(), (now - started_at).total_seconds(), task_id=task_id, **how)

        def write(session: Session) -> None:
            Flag.put(session, _flag(key), asdict(outcome), now=now)
            if not outcome.error:
                ScheduleRun.put(session, key, started_at)

        self._database.write(write)


def permission_for(key: str) -> Permission:
    """To ask for a run beside the schedule."""
    return Permission.ADMINISTER if key in ADMINISTERED else Permission.OPERATE


def _flag(key: str) -> str:
    return f"outcome:{key}"
