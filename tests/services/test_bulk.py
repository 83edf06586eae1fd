"""One action for every message that a filter matches, over a real database."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from appliance.db.database import Database
from appliance.db.models import Job, Message, Recipient
from appliance.db.models.base import insert_rows
from appliance.db.models.message import MessageStatus
from appliance.db.models.message_sets import SetAction
from appliance.db.queries import jobs, matching
from appliance.db.queries.message_filters import Filters
from appliance.db.types import new_id
from appliance.errors import IdempotencyKeyReused
from appliance.services.bulk import BulkRequest
from appliance.services.idempotency import Once
from tests.factories import add_message, add_recipient
from tests.fakes import NOON, FakeClock
from tests.services.conftest import Chain, MakeChain
from tests.services_up import needs_postgres

Add = Callable[..., str]


@pytest.fixture
def add(chain: Chain) -> Add:
    """Puts a message into the database."""
    return lambda *to, **fields: chain.database.write(lambda session: add_message(session, *to, **fields))


def request(action: str, ids: list[str] | None = None, **filters: Any) -> BulkRequest:
    return BulkRequest(SetAction(action), Filters(**filters), ids)


def run(chain: Chain, wanted: BulkRequest) -> Job:
    """The job, after its end."""
    made = chain.bulk.start(wanted)
    chain.job_runs.run(made.id)
    with chain.database.read() as session:
        job = jobs.one(session, made.id)
        assert job is not None
        return job


def counts(job: Job) -> tuple[str, int, int, int]:
    return job.state, job.total, job.changed, job.skipped


def test_count_says_what_matches_and_what_would_change(chain: Chain, add: Add) -> None:
    for status in ("failed", "failed", "sent", "held", "sending"):
        add(status=status)

    found = chain.bulk.count(request("retry"))

    assert (found.matching, found.changes) == (5, 3)
    assert found.by_status == {"failed": 2, "sent": 1, "held": 1, "sending": 1}
    assert chain.statuses() == found.by_status


def test_count_leaves_out_what_has_expired(chain: Chain, add: Add) -> None:
    add(status="failed", expires_at=NOON)
    add(status="failed", expires_at=NOON + timedelta(hours=1))

    assert chain.bulk.count(request("retry")).changes == 1


def test_only_what_matches_is_changed(chain: Chain, add: Add) -> None:
    add(status="failed", subject="Invoice")
    add(status="failed", subject="Greeting")

    job = run(chain, request("retry", status=("failed",), subject="Invoice"))

    assert counts(job) == ("done", 1, 1, 0)
    assert chain.statuses() == {"queued": 1, "failed": 1}


def test_key_reaches_only_its_own(chain: Chain, add: Add) -> None:
    add(api_key_id="key_acme")
    other = add(api_key_id="key_other")

    job = run(chain, request("cancel", api_key_id="key_acme"))

    assert (counts(job), chain.status(other)) == (("done", 1, 1, 0), "queued")


def test_filters_of_every_kind_survive_being_written_down(chain: Chain, add: Add) -> None:
    add("ann@example.com", metadata={"invoice": 7}, reason="temporary", status="deferred", api_key_id="key_acme")
    add("ann@example.com", metadata={"invoice": 8}, reason="temporary", status="deferred", api_key_id="key_acme")

    job = run(
        chain,
        request(
            "cancel",
            status=("deferred", "held"),
            recipient="ann@example.com",
            since=NOON,
            until=NOON + timedelta(seconds=1),
            api_key_id="key_acme",
            key="key_acme",
            metadata=(("invoice", "7"),),
            reason="temporary",
        ),
    )

    assert counts(job) == ("done", 1, 1, 0)
    assert chain.statuses() == {"cancelled": 1, "deferred": 1}


def test_named_messages_only(chain: Chain, add: Add) -> None:
    one, other, _ = add(), add(status="sent"), add()

    job = run(chain, request("cancel", [other, one, "msg_nobody"]))

    assert counts(job) == ("done", 2, 1, 1)
    assert chain.statuses() == {"cancelled": 1, "sent": 1, "queued": 1}


def test_message_that_came_after_the_job_was_made_is_not_touched(chain: Chain, add: Add) -> None:
    add()
    made = chain.bulk.start(request("cancel"))
    late = add()

    chain.job_runs.run(made.id)

    assert (chain.status(late), chain.statuses()) == ("queued", {"cancelled": 1, "queued": 1})


def test_message_that_is_being_sent_is_skipped(chain: Chain, add: Add) -> None:
    sending = add(status="sending")

    job = run(chain, request("cancel"))

    assert (counts(job), chain.status(sending)) == (("done", 1, 0, 1), "sending")


def test_message_that_left_the_state_meanwhile_is_not_changed(chain: Chain, add: Add) -> None:
    """It matched when it was looked at, and had moved on when the step was written."""
    held = add(status="held")
    made = chain.bulk.start(request("cancel", status=("held",)))
    with chain.database.read() as session:
        job = jobs.one(session, made.id)
    assert job is not None
    chain.database.write(lambda session: Message.release(session, [held], now=NOON))

    changed = chain.database.write(lambda session: chain.bulk.change(session, job, [held], NOON))

    assert (changed, chain.status(held)) == (0, "queued")


def test_repeating_it_is_harmless(chain: Chain, add: Add) -> None:
    add(status="failed")
    run(chain, request("retry", status=("failed",)))

    again = run(chain, request("retry", status=("failed",)))

    assert (counts(again), chain.statuses()) == (("done", 0, 0, 0), {"queued": 1})


def test_same_idempotency_key_makes_one_job(chain: Chain, add: Add) -> None:
    add()
    once = Once("key_acme", "1", "hash")

    first, second = (chain.bulk.start(request("cancel"), once) for _ in range(2))

    assert (first.id, second.replayed) == (second.id, True)
    with pytest.raises(IdempotencyKeyReused):
        chain.bulk.start(request("retry"), Once("key_acme", "1", "another"))


def test_retried_messages_are_sent_to_those_who_had_not_got_them(chain: Chain, add: Add) -> None:
    chain.account(transport="mailbox")
    message = chain.database.write(lambda session: add_message(session, "ann@example.com", status="failed"))
    chain.database.write(
        lambda session: add_recipient(session, message, email="bob@example.com", status="failed", reply_code=550)
    )

    run(chain, request("retry"))
    chain.turn()

    assert chain.status(message) == "sent"
    assert {one.status for one in chain.detail(message).recipients} == {"sent"}


def test_deleted_messages_are_gone_with_everything(chain: Chain, add: Add) -> None:
    add(status="sent")
    waiting = add()

    job = run(chain, request("delete"))

    assert (counts(job), chain.statuses()) == (("done", 2, 1, 1), {"queued": 1})
    with chain.database.read() as session:
        assert set(session.scalars(select(Recipient.message_id))) == {waiting}


def test_look_goes_over_a_stretch_at_a_time(chain: Chain, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MOST_LOOKED_AT", 3)
    ids = [add(subject="rare" if number in (0, 8) else "common") for number in range(10)]

    found = chain.bulk.count(request("cancel", subject="rare"))
    job = run(chain, request("cancel", subject="rare"))

    assert (found.matching, counts(job)) == (2, ("done", 2, 2, 0))
    assert [chain.status(one) for one in (ids[0], ids[8])] == ["cancelled"] * 2


def fill(database: Database, number: int) -> None:
    """Messages that failed, with one recipient each; every hundredth is being sent."""
    rows = [
        {
            "id": new_id("msg"),
            "status": MessageStatus.FAILED if index % 100 else MessageStatus.SENDING,
            "priority": 1,
            "subject": f"Invoice {index}",
            "reply_to": [],
            "headers": {},
            "tags": [],
            "metadata": {},
            "rfc_message_id": f"<{index}@box.example>",
            "created_at": NOON,
        }
        for index in range(number)
    ]
    recipients = [
        {"message_id": row["id"], "kind": "to", "email": f"{index}@example.com", "name": "", "status": "failed"}
        for index, row in enumerate(rows)
    ]
    database.write(lambda session: insert_rows(session, Message, *rows))
    database.write(lambda session: insert_rows(session, Recipient, *recipients))


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def test_five_thousand_are_retried_each_once(
    request: pytest.FixtureRequest, make_chain: MakeChain, clock: FakeClock, kind: str
) -> None:
    database: Database = request.getfixturevalue("database" if kind == "sqlite" else "postgres_database")
    chain = make_chain(database=database, clock=clock)
    fill(database, 5000)

    job = run(chain, BulkRequest(SetAction.RETRY, Filters()))

    assert counts(job) == ("done", 5000, 4950, 50)
    assert chain.statuses() == {"queued": 4950, "sending": 50}
    with database.read() as session:
        pending = session.scalar(select(func.count()).select_from(Recipient).where(Recipient.status == "pending"))
    assert pending == 4950
