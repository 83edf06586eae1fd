"""What is told of retention: what a run would remove, and what the last one did."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import Flag

REPORT = "retention_report"


@dataclass(frozen=True, slots=True)
class PreviewedKind:
    """`count` things that ended before `older_than`; `size` is about how many bytes they take."""

    kind: str
    older_than: datetime
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Preview:
    at: datetime
    kinds: tuple[PreviewedKind, ...]

    @property
    def size(self) -> int:
        return sum(one.size for one in self.kinds)


class RunState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"  # the process stopped or died: the next run goes on


@dataclass(slots=True)
class Report:
    """Of one run. `removed` counts by kind, so far; sizes are those of the database, in bytes."""

    started_at: datetime
    size_before: int
    removed: dict[str, int] = field(default_factory=dict)
    finished_at: datetime | None = None
    size_after: int | None = None
    state: RunState = RunState.RUNNING

    def finish(self, now: datetime, size: int) -> None:
        self.finished_at, self.size_after, self.state = now, size, RunState.FINISHED


class ReportBook:
    """Keeps the report of the last run in the database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin(self, size: int) -> Report:
        report = Report(self._clock(), size)
        self.note(report)
        return report

    def note(self, report: Report) -> None:
        value, now = _written(report), self._clock()

        def write(session: Session) -> None:
            Flag.put(session, REPORT, value, now=now)

        self._database.write(write)

    def last(self, *, at_work: bool) -> Report | None:
        """`at_work`: whether a run is; without one, a report that has no end is of a run that was cut off."""
        with self._database.read() as session:
            flag = session.get(Flag, REPORT)
        if flag is None:
            return None
        report = _read(flag.value)
        if report.finished_at is None and not at_work:
            report.state = RunState.INTERRUPTED
        return report


def _written(report: Report) -> dict[str, Any]:
    return {
        "started_at": report.started_at.isoformat(),
        "finished_at": report.finished_at.isoformat() if report.finished_at else None,
        "size_before": report.size_before,
        "size_after": report.size_after,
        "removed": dict(report.removed),
    }


def _read(value: dict[str, Any]) -> Report:
    finished_at = value["finished_at"]
    return Report(
        started_at=datetime.fromisoformat(value["started_at"]),
        size_before=value["size_before"],
        removed=value["removed"],
        finished_at=datetime.fromisoformat(finished_at) if finished_at else None,
        size_after=value["size_after"],
        state=RunState.FINISHED if finished_at else RunState.RUNNING,
    )
