"""Cancels, retries, releases or deletes every message that a filter matches: counted at once, done by a job.

The set is frozen when the job is made: messages that are accepted later are not touched. Nor is one that is being sent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import Job
from appliance.db.models import message_sets as sets
from appliance.db.models.message_sets import SetAction
from appliance.db.queries import matching
from appliance.db.queries.matching import Count, Look, MessageSet
from appliance.db.queries.message_filters import Filters
from appliance.services.idempotency import Once
from appliance.services.jobs import Jobs, Made, NewJob
from appliance.services.pace import Pace
from appliance.services.permission import Permission, needs

MOST_IDS = 1000
NOT_FOUND = "not_found"
"""Among the parameters of a job: how many of its ids there were not when it was made; None: it was given none."""
_MOMENTS = ("since", "until")


def kind_of(action: SetAction) -> str:
    """The kind of the job that does it."""
    return f"messages.{action}"


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """`ids`: only of these, MOST_IDS at most; None: of all."""

    action: SetAction
    filters: Filters
    ids: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class BulkCount:
    """What a filter matches now, and how many of it the action would change.

    `not_found`: how many of the ids that were named there are not, or not for whoever asks; None: none were named.
    """

    by_status: Mapping[str, int] = field(default_factory=dict)
    changes: int = 0
    not_found: int | None = None

    @property
    def matching(self) -> int:
        return sum(self.by_status.values())


class Bulk:
    """Asks and starts; and is the `Work` of the jobs that it makes. `on_due` is called when messages may be due."""

    def __init__(self, database: Database, jobs: Jobs, *, on_due: Callable[[], object], clock: Clock) -> None:
        self._database = database
        self._jobs = jobs
        self._on_due = on_due
        self._clock = clock

    def count(self, request: BulkRequest) -> BulkCount:
        """Changes nothing."""
        counted = self._count(request.action, self._frozen(request))
        return replace(counted, not_found=self._not_found(request))

    @needs(Permission.OPERATE)
    def start(self, request: BulkRequest, once: Once | None = None) -> Made:
        """Makes the job. Repeating it is harmless: what was changed is in a state that it changes no more.

        Raises IdempotencyKeyReused, StorageUnavailable.
        """
        earlier = self._jobs.earlier(once) if once else None  # asked first, a repetition counts nothing
        if earlier is not None:
            return earlier
        wanted = self._frozen(request)
        total = self._count(request.action, wanted).matching
        asked_for = {"action": request.action, "filter": _written(request.filters)}
        ids = None if request.ids is None else list(request.ids)
        parameters = {**asked_for, "newest": wanted.newest, "ids": ids, NOT_FOUND: self._not_found(request)}
        about = asked_for if request.ids is None else {**asked_for, "ids": len(request.ids)}
        return self._jobs.make(NewJob(kind_of(request.action), parameters, total, about), once)

    def look(self, session: Session, job: Job, *, after: str, limit: int) -> Look | None:
        return matching.look(session, _set_of(job), after=after, limit=limit)

    def change(self, session: Session, job: Job, ids: Sequence[str], now: datetime) -> int:
        """A filter for a state or a reason is asked again: the look was before this transaction."""
        action = SetAction(job.parameters["action"])
        return sets.apply(session, action, matching.still(session, _set_of(job), ids), job.done_by, now=now)

    def settle(self, session: Session, job: Job, now: datetime) -> None:
        """There is nothing left to do."""

    def tell(self) -> None:
        self._on_due()

    def _frozen(self, request: BulkRequest) -> MessageSet:
        with self._database.read() as session:
            return MessageSet(request.filters, matching.newest(session), request.ids)

    def _not_found(self, request: BulkRequest) -> int | None:
        if request.ids is None:
            return None
        wanted = set(request.ids)
        with self._database.read() as session:
            return len(wanted) - matching.known(session, wanted, api_key_id=request.filters.api_key_id)

    def _count(self, action: SetAction, wanted: MessageSet) -> BulkCount:
        by_status: dict[str, int] = {}
        changes, after, pace = 0, "", Pace()
        while some := self._count_some(action, wanted, after):
            for status, number in some.by_status.items():
                by_status[status] = by_status.get(status, 0) + number
            changes, after = changes + some.changes, some.cursor
            pace.step()
        return BulkCount(by_status, changes)

    def _count_some(self, action: SetAction, wanted: MessageSet, after: str) -> Count | None:
        with self._database.read() as session:
            return matching.count(session, wanted, action, after=after, now=self._clock())


def _written(filters: Filters) -> dict[str, Any]:
    """As JSON: only the fields that filter."""
    values = {name: value for name, value in asdict(filters).items() if value}
    return values | {name: values[name].isoformat() for name in _MOMENTS if name in values}


def _read(written: Mapping[str, Any]) -> Filters:
    values = dict(written)
    for name in _MOMENTS:
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    values["status"] = tuple(values.get("status", ()))
    values["metadata"] = tuple((key, value) for key, value in values.get("metadata", ()))
    return Filters(**values)


def _set_of(job: Job) -> MessageSet:
    return MessageSet(_read(job.parameters["filter"]), job.parameters["newest"], job.parameters["ids"])
