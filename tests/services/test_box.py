"""The switch of the whole box."""

from datetime import timedelta
from typing import Any

import gevent
import pytest
from sqlalchemy import select

from appliance.db.database import Database
from appliance.db.models import AuditEntry, Flag
from appliance.db.models.audit_entry import ActorKind
from appliance.db.models.box import SENDING_PAUSED
from appliance.db.models.message import Reason
from appliance.db.queries import messages
from appliance.errors import InvalidInput, WrongState
from appliance.services.audit import Actor, act_as
from appliance.services.box import KIND, Box, Waits
from appliance.services.job_runs import JobRuns
from appliance.services.jobs import Jobs, Made
from tests.fakes import NOON, FakeClock
from tests.services.conftest import Chain
from tests.services_up import needs_postgres
from tests.smtp_sink import SmtpSink

ALICE = Actor(ActorKind.USER, "usr_alice", "alice")


@pytest.fixture
def jobs(database: Database, clock: FakeClock) -> Jobs:
    return Jobs(database, clock=clock)


@pytest.fixture
def box(chain: Chain, jobs: Jobs) -> Box:
    return Box(chain.database, jobs, on_due=chain.outbox.notify, clock=chain.clock)


def restored(chain: Chain) -> None:
    chain.clock.advance(minutes=1)
    value = {"reason": "restored", "backup_at": (NOON - timedelta(days=1)).isoformat()}
    chain.database.write(lambda session: Flag.put(session, SENDING_PAUSED, value, now=chain.clock()))


def do(chain: Chain, box: Box, jobs: Jobs, made: Made | None) -> None:
    assert made is not None
    jobs.hand_over(lambda _job_id: None)
    JobRuns(chain.database, jobs, {KIND: box}, clock=chain.clock).run(made.id)


def audited(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    with database.read() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.action.startswith("box.")).order_by(AuditEntry.id))
        return [(row.actor_name, row.action, row.detail) for row in rows]


def test_paused_box_claims_nothing_and_sends_once_it_is_resumed(chain: Chain, box: Box, sink: SmtpSink) -> None:
    chain.account(sink)
    box.pause("the relay moves")
    message_id = chain.submit()

    chain.turn()

    assert (chain.status(message_id), chain.outbox.has_due(), sink.messages) == ("queued", False, [])
    box.resume()
    chain.turn()
    assert chain.status(message_id) == "sent"


def test_pause_that_comes_between_the_look_and_the_claim_counts(chain: Chain, box: Box) -> None:
    chain.submit()
    assert chain.outbox.has_due()

    box.pause("")

    assert chain.claim() == []


def test_pause_and_resume_are_audited_with_who_did_it(chain: Chain, box: Box) -> None:
    with act_as(ALICE):
        box.pause("the relay moves")
        box.resume()

    assert audited(chain.database) == [
        ("alice", "box.paused", {"reason": "the relay moves"}),
        ("alice", "box.resumed", {"waits": "send"}),
    ]


def test_resuming_a_box_that_sends_changes_nothing(chain: Chain, box: Box) -> None:
    assert box.resume() is None
    assert box.resume(Waits.CANCEL) is None

    assert audited(chain.database) == []


def test_pausing_twice_keeps_the_first_reason(box: Box) -> None:
    box.pause("first")

    with pytest.raises(WrongState, match="paused already"):
        box.pause("second")

    pause = box.pause_in_force()
    assert pause is not None
    assert pause.detail == "first"


@pytest.mark.postgres
@needs_postgres
def test_of_several_who_pause_at_once_one_does_and_the_others_hear_so(
    postgres_database: Database, clock: FakeClock
) -> None:
    """On a database server nobody queues up for a writer: all of them find that the box sends."""
    box = Box(postgres_database, Jobs(postgres_database, clock=clock), on_due=lambda: None, clock=clock)

    def pause(reason: str) -> str:
        try:
            box.pause(reason)
        except WrongState:
            return ""
        return reason

    several = [gevent.spawn(pause, reason) for reason in ("first", "second", "third", "fourth")]
    gevent.joinall(several, raise_error=True)

    [done] = [one.value for one in several if one.value]
    pause_in_force = box.pause_in_force()
    assert pause_in_force is not None
    assert pause_in_force.detail == done
    assert [detail for _actor, _action, detail in audited(postgres_database)] == [{"reason": done}]


def test_reason_that_is_too_long_is_refused(box: Box) -> None:
    with pytest.raises(InvalidInput, match="at most 500 characters"):
        box.pause("x" * 501)


def test_what_waits_is_held_before_sending_starts(chain: Chain, box: Box, jobs: Jobs, sink: SmtpSink) -> None:
    chain.account(sink)
    old = chain.submit()
    later = chain.submit(send_at=NOON + timedelta(days=1))
    restored(chain)
    since = chain.submit()

    with act_as(ALICE):
        made = box.resume(Waits.HOLD)
    do(chain, box, jobs, made)
    new = chain.submit()
    chain.turn()

    assert (chain.status(old), chain.status(later)) == ("held", "scheduled")
    assert (chain.status(since), chain.status(new)) == ("sent", "sent")  # neither can have gone out from elsewhere
    assert "kept back when sending started; retry it" in chain.explanation(old)
    assert audited(chain.database) == [("alice", "box.resumed", {"waits": "hold"})]


def test_message_that_was_kept_back_goes_when_somebody_retries_it(chain: Chain, box: Box, jobs: Jobs) -> None:
    message_id = chain.submit()
    restored(chain)
    do(chain, box, jobs, box.resume(Waits.HOLD))

    chain.messages.release_held([reason for reason in Reason if reason != Reason.KEPT_BACK])
    assert chain.status(message_id) == "held"
    chain.messages.retry(message_id)

    assert chain.status(message_id) == "queued"


def test_what_waits_is_cancelled_before_sending_starts(chain: Chain, box: Box, jobs: Jobs) -> None:
    message_id = chain.submit()
    restored(chain)

    do(chain, box, jobs, box.resume(Waits.CANCEL))

    assert (chain.status(message_id), box.paused) == ("cancelled", False)


@pytest.mark.parametrize(("waits", "action"), [(Waits.HOLD, "message.held"), (Waits.CANCEL, "message.cancelled")])
def test_message_says_who_held_or_cancelled_it_by_which_job(
    chain: Chain, box: Box, jobs: Jobs, waits: Waits, action: str
) -> None:
    message_id = chain.submit()
    restored(chain)

    with act_as(ALICE):
        made = box.resume(waits)
    do(chain, box, jobs, made)

    with chain.database.read() as session:
        deeds = [(one.action, one.actor_name, one.job_id) for one in messages.deeds(session, message_id, limit=10)]
    assert made is not None
    assert deeds == [(action, "alice", made.id)]


def test_box_stays_paused_while_the_job_has_not_ended(chain: Chain, box: Box) -> None:
    chain.submit()
    restored(chain)

    box.resume(Waits.HOLD)

    assert box.paused
    assert chain.claim() == []


def test_waiting_counts_by_state_account_and_age(chain: Chain, box: Box, sink: SmtpSink) -> None:
    account_id = chain.account(sink)
    chain.submit()
    chain.clock.advance(minutes=1)
    chain.submit(account=account_id)
    chain.submit(send_at=chain.clock() + timedelta(hours=1))

    waiting = box.waiting()

    assert waiting.by_status == {"queued": 2, "scheduled": 1}
    assert waiting.by_account == {None: 2, account_id: 1}
    assert (waiting.total, waiting.oldest) == (3, NOON)
