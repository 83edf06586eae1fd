"""A job is done once and wholly: whatever dies half-way, whoever else wants it, whoever says stop."""

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Thread

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import AuditEntry, Job
from appliance.db.models.audit_entry import ActorKind
from appliance.db.queries import jobs
from appliance.db.queries.matching import Look
from appliance.errors import StorageUnavailable
from appliance.services import audit
from appliance.services.audit import Actor
from appliance.services.job_runs import LEASE, STEP, UNEXPECTED, JobRuns, UnknownWork
from appliance.services.jobs import Jobs, NewJob
from tests.fakes import FakeClock
from tests.services_up import needs_postgres

ACME = Actor(ActorKind.KEY, "key_acme", "acme")
STEPS = 5


class PowerCut(BaseException):
    """The process dies here: nothing catches it."""


class Counting:
    """Work on rows that are numbers. Notes each change as an audit entry, in the transaction of the step."""

    def __init__(self, total: int = STEP * STEPS) -> None:
        self.total = total
        self.before_change: Callable[[Sequence[str]], object] = lambda _ids: None
        self.settled = 0
        self.told = 0

    def look(self, session: Session, job: Job, *, after: str, limit: int) -> Look | None:
        first = int(after or 0) + 1
        ids = [f"{number:06}" for number in range(first, min(first + limit, self.total + 1))]
        return Look(ids, ids[-1]) if ids else None

    def change(self, session: Session, job: Job, ids: Sequence[str], now: datetime) -> int:
        """Every tenth makes no sense."""
        self.before_change(ids)
        changed = [one for one in ids if int(one) % 10]
        for one in changed:
            AuditEntry.note(session, audit.entry("row.changed", one, {}, now))
        return len(changed)

    def settle(self, session: Session, job: Job, now: datetime) -> None:
        self.settled += 1

    def tell(self) -> None:
        self.told += 1


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def either(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")
    return database


class Bench:
    """Jobs with one kind of work, and as many workers as a test wants."""

    def __init__(self, database: Database, clock: FakeClock, work: Counting) -> None:
        self.database, self.clock, self.work = database, clock, work
        self.jobs = Jobs(database, clock=clock)

    def worker(self) -> JobRuns:
        return JobRuns(self.database, self.jobs, {"counting": self.work}, clock=self.clock)

    def made(self) -> str:
        with audit.act_as(ACME):
            return self.jobs.make(NewJob("counting", {}, self.work.total, {})).id

    def job(self, job_id: str) -> Job:
        with self.database.read() as session:
            found = jobs.one(session, job_id)
            assert found is not None
            return found

    def counts(self, job_id: str) -> tuple[str, int, int, int]:
        found = self.job(job_id)
        return found.state, found.done, found.changed, found.skipped

    def changed(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(AuditEntry.target).where(AuditEntry.action == "row.changed")))

    def hand_over(self) -> list[str]:
        found: list[str] = []
        self.jobs.hand_over(found.append)
        return found


@pytest.fixture
def bench(either: Database, clock: FakeClock) -> Bench:
    return Bench(either, clock, Counting())


EXPECTED = [f"{number:06}" for number in range(1, STEP * STEPS + 1) if number % 10]
ALL = ("done", STEP * STEPS, len(EXPECTED), STEP * STEPS - len(EXPECTED))


def test_job_is_done_to_the_end(bench: Bench) -> None:
    made = bench.made()

    result = bench.worker().run(made)

    assert bench.counts(made) == ALL
    assert result == {"changed": len(EXPECTED), "skipped": STEP * STEPS - len(EXPECTED)}
    assert (bench.job(made).percent, bench.work.settled, bench.work.told) == (100, 1, STEPS)
    assert sorted(bench.changed()) == EXPECTED


def test_result_is_told_to_the_audit_as_the_doing_of_whoever_asked(bench: Bench) -> None:
    made = bench.made()

    bench.worker().run(made)

    with bench.database.read() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "job.done"))
    assert (entry.target, entry.actor_id) == (made, "key_acme")
    assert entry.detail["changed"] == len(EXPECTED)


def test_running_it_twice_changes_nothing_twice(bench: Bench) -> None:
    made = bench.made()
    bench.worker().run(made)

    again = bench.worker().run(made)

    assert (again, bench.counts(made)) == ({"changed": 0, "skipped": 0}, ALL)


@pytest.mark.parametrize("step", range(STEPS))
def test_death_in_the_middle_of_a_step_loses_and_repeats_nothing(
    database: Database, clock: FakeClock, step: int
) -> None:
    bench = Bench(database, clock, Counting())
    made = bench.made()

    def die(ids: Sequence[str]) -> None:
        if int(ids[0]) > step * STEP:
            raise StorageUnavailable("the disk is gone, and the process with it")

    bench.work.before_change = die
    with pytest.raises(StorageUnavailable):
        bench.worker().run(made)
    before = bench.counts(made)[1]
    bench.work.before_change = lambda _ids: None
    clock.advance(seconds=LEASE.total_seconds() + 1)
    handed = bench.hand_over()
    bench.worker().run(made)

    assert (before, handed) == (step * STEP, [made])
    assert bench.counts(made) == ALL
    assert sorted(bench.changed()) == EXPECTED


def test_job_of_a_worker_that_died_is_found_again_after_its_lease(bench: Bench) -> None:
    made = bench.made()
    bench.work.tell = _cut_power  # type: ignore[method-assign]
    with pytest.raises(PowerCut):
        bench.worker().run(made)
    del bench.work.tell  # type: ignore[misc]
    at_once = bench.hand_over()

    bench.clock.advance(seconds=LEASE.total_seconds() + 1)
    later = bench.hand_over()
    bench.worker().run(made)

    assert (at_once, later) == ([], [made])
    assert bench.counts(made) == ALL
    assert sorted(bench.changed()) == EXPECTED


def test_two_workers_at_once_do_it_once(bench: Bench) -> None:
    made = bench.made()
    workers = [Thread(target=bench.worker().run, args=(made,)) for _ in range(4)]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert bench.counts(made) == ALL
    assert sorted(bench.changed()) == EXPECTED


def test_worker_that_was_taken_for_dead_stops_before_its_next_step(bench: Bench) -> None:
    """It stands still for longer than its lease; another one takes over and finishes."""
    made = bench.made()
    told = bench.work.tell

    def stand_still() -> None:
        bench.work.tell = told  # type: ignore[method-assign]
        bench.clock.advance(seconds=LEASE.total_seconds() + 1)
        bench.hand_over()
        bench.worker().run(made)

    bench.work.tell = stand_still  # type: ignore[method-assign]
    result = bench.worker().run(made)

    assert result["changed"] < len(EXPECTED)
    assert bench.counts(made) == ALL
    assert sorted(bench.changed()) == EXPECTED


def test_cancelled_job_stops_before_its_next_step(bench: Bench) -> None:
    made = bench.made()
    bench.work.tell = lambda: bench.jobs.cancel(made)  # type: ignore[method-assign]

    bench.worker().run(made)

    state, done, _, _ = bench.counts(made)
    assert (state, done, bench.work.settled) == ("cancelled", STEP, 0)


def test_worker_that_is_told_to_stop_gives_the_job_back(bench: Bench) -> None:
    made, worker = bench.made(), bench.worker()
    bench.work.tell = worker.stop  # type: ignore[method-assign]

    worker.run(made)

    state, done, _, _ = bench.counts(made)
    assert (state, done, bench.hand_over()) == ("queued", STEP, [made])


def test_fault_fails_the_job_and_keeps_what_was_changed(bench: Bench) -> None:
    made = bench.made()

    def fail(ids: Sequence[str]) -> None:
        if int(ids[0]) > STEP:
            raise ZeroDivisionError

    bench.work.before_change = fail
    with pytest.raises(ZeroDivisionError):
        bench.worker().run(made)

    state, done, _, _ = bench.counts(made)
    assert (state, done, bench.job(made).error, bench.work.settled) == ("failed", STEP, UNEXPECTED, 0)
    assert bench.hand_over() == []


def _cut_power() -> None:
    raise PowerCut


def test_job_of_a_kind_that_nobody_knows_ends_with_the_reason(bench: Bench) -> None:
    job_id = bench.jobs.make(NewJob("messages.translate", {}, 7, {})).id

    with pytest.raises(UnknownWork):
        bench.worker().run(job_id)

    job = bench.job(job_id)
    assert (job.state, job.changed, job.lease_until) == ("failed", 0, None)
    assert "'messages.translate'" in job.error
    bench.clock.advance(seconds=2 * LEASE.total_seconds())
    assert bench.hand_over() == []
