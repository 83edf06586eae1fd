"""Jobs are made once, handed to one worker at a time, cancelled and forgotten."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import AuditEntry, Job
from appliance.db.models.audit_entry import ActorKind
from appliance.db.queries import jobs
from appliance.errors import IdempotencyKeyReused, NotFound, Unavailable, WrongState
from appliance.services import audit
from appliance.services.audit import Actor
from appliance.services.idempotency import Once
from appliance.services.jobs import KEPT_DAYS, MOST_AT_ONCE, WAY_TO_A_WORKER, NewJob
from tests.services.conftest import Chain, MakeChain
from tests.services.racing import in_between
from tests.services_up import needs_postgres

NEW = NewJob("messages.cancel", {"action": "cancel", "filter": {}, "newest": "", "ids": None}, 7, {"action": "cancel"})
ACME = Actor(ActorKind.KEY, "key_acme", "acme", "192.0.2.7", "req_7")


def job(chain: Chain, job_id: str) -> Job:
    with chain.database.read() as session:
        found = jobs.one(session, job_id)
        assert found is not None
        return found


def handed_over(chain: Chain) -> list[str]:
    found: list[str] = []
    chain.jobs.hand_over(found.append)
    return found


def test_job_waits_for_a_worker_and_remembers_for_whom_it_is_done(chain: Chain) -> None:
    with audit.act_as(ACME):
        made = chain.jobs.make(NEW)

    found = job(chain, made.id)
    assert (found.state, found.total, found.percent, found.created_by) == ("queued", 7, 0, "key_acme")
    assert Actor(**found.actor) == ACME


def test_making_a_job_is_told_to_the_audit(chain: Chain) -> None:
    with audit.act_as(ACME):
        made = chain.jobs.make(NEW)

    with chain.database.read() as session:
        (entry,) = session.scalars(select(AuditEntry))
    assert (entry.action, entry.target, entry.actor_id) == ("job.created", made.id, "key_acme")
    assert entry.detail == {"kind": "messages.cancel", "total": 7, "action": "cancel"}


def test_same_key_and_body_make_one_job(chain: Chain) -> None:
    once = Once("key_acme", "1", "hash")

    first, second = chain.jobs.make(NEW, once), chain.jobs.make(NEW, once)

    assert (first.id, first.replayed, second.replayed) == (second.id, False, True)
    with chain.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 1


def test_same_key_with_another_body_is_refused(chain: Chain) -> None:
    chain.jobs.make(NEW, Once("key_acme", "1", "hash"))

    with pytest.raises(IdempotencyKeyReused):
        chain.jobs.make(NEW, Once("key_acme", "1", "another hash"))


def test_making_a_job_wakes_whoever_hands_over(chain: Chain) -> None:
    woken: list[bool] = []
    chain.jobs.wakes(lambda: woken.append(True))

    chain.jobs.make(NEW)

    assert woken == [True]


def test_job_is_handed_over_once(chain: Chain) -> None:
    made = chain.jobs.make(NEW)

    assert (handed_over(chain), handed_over(chain)) == ([made.id], [])


def test_job_whose_task_was_lost_is_handed_over_again(chain: Chain) -> None:
    made = chain.jobs.make(NEW)
    handed_over(chain)
    chain.clock.advance(seconds=WAY_TO_A_WORKER.total_seconds() + 1)

    assert handed_over(chain) == [made.id]


def test_job_that_could_not_be_enqueued_is_tried_again(chain: Chain) -> None:
    made = chain.jobs.make(NEW)

    def refuse(_job_id: str) -> None:
        raise Unavailable("no broker")

    with pytest.raises(Unavailable):
        chain.jobs.hand_over(refuse)
    chain.clock.advance(seconds=WAY_TO_A_WORKER.total_seconds() + 1)

    assert handed_over(chain) == [made.id]


def test_only_some_run_at_once_the_oldest_first(chain: Chain) -> None:
    made = [chain.jobs.make(NEW).id for _ in range(MOST_AT_ONCE + 1)]

    first = handed_over(chain)
    chain.jobs.cancel(made[0])

    assert (first, handed_over(chain)) == (made[:MOST_AT_ONCE], made[MOST_AT_ONCE:])


def test_cancelled_job_is_not_handed_over(chain: Chain) -> None:
    made = chain.jobs.make(NEW)

    chain.jobs.cancel(made.id)

    assert (job(chain, made.id).state, handed_over(chain)) == ("cancelled", [])


def test_cancelling_twice_is_refused(chain: Chain) -> None:
    made = chain.jobs.make(NEW)
    chain.jobs.cancel(made.id)

    with pytest.raises(WrongState, match="cancelled already"):
        chain.jobs.cancel(made.id)


def test_job_of_somebody_else_cannot_be_cancelled(chain: Chain) -> None:
    with audit.act_as(ACME):
        made = chain.jobs.make(NEW)

    with pytest.raises(NotFound):
        chain.jobs.cancel(made.id, created_by="key_other")

    assert job(chain, made.id).state == "queued"


@pytest.mark.postgres
@needs_postgres
def test_job_that_ends_as_it_is_cancelled_says_how_it_ended(make_chain: MakeChain, postgres_database: Database) -> None:
    chain = make_chain(database=postgres_database)
    made = running(chain)

    def cancel() -> None:
        with pytest.raises(WrongState, match="it is done already"):
            chain.jobs.cancel(made)

    in_between(chain.database, lambda s: Job.finish(s, made, run_id="run_1", now=chain.clock()), cancel)

    assert job(chain, made).state == "done"


@pytest.mark.postgres
@needs_postgres
def test_audit_of_a_cancelled_job_counts_the_step_that_was_being_written(
    make_chain: MakeChain, postgres_database: Database
) -> None:
    chain = make_chain(database=postgres_database)
    made = running(chain)

    def step(session: Session) -> None:
        Job.advance(session, made, run_id="run_1", cursor="msg_1", changed=5, skipped=1)

    in_between(chain.database, step, lambda: chain.jobs.cancel(made))

    with chain.database.read() as session:
        told = session.scalars(select(AuditEntry).where(AuditEntry.action == "job.cancelled")).one()
    assert (told.detail["changed"], told.detail["skipped"]) == (5, 1)
    assert job(chain, made).state == "cancelled"


def running(chain: Chain) -> str:
    """A job that the worker `run_1` is at."""
    made, now = chain.jobs.make(NEW).id, chain.clock()
    take = {"run_id": "run_1", "now": now, "lease_until": now + WAY_TO_A_WORKER}
    assert chain.database.write(lambda session: Job.take(session, made, **take))
    return made


def test_job_is_forgotten_a_month_after_its_end_and_never_before(chain: Chain) -> None:
    ended, waiting = chain.jobs.make(NEW), chain.jobs.make(NEW)
    chain.jobs.cancel(ended.id)

    chain.clock.advance(days=KEPT_DAYS)
    assert chain.jobs.cleanup_finished() == {"removed": 0}
    chain.clock.advance(seconds=1)
    assert chain.jobs.cleanup_finished() == {"removed": 1}

    assert job(chain, waiting.id).state == "queued"
