from datetime import timedelta

import pytest

from appliance.config.settings import DeliverySettings
from appliance.db.database import Database
from appliance.db.models.message import Message
from tests.factories import add_account, add_message
from tests.fakes import NOON, FakeClock
from tests.services.conftest import IMPATIENT, Chain, MakeChain
from tests.services_up import needs_postgres
from tests.smtp_sink import SmtpSink

LEASE = timedelta(seconds=120)


def begin(chain: Chain, message: str, claim_id: str) -> None:
    """As a worker does just before its first byte leaves."""
    lease = chain.clock() + LEASE
    assert chain.database.write(lambda s: Message.begin(s, message, claim_id=claim_id, lease_until=lease))


def test_unbegun_message_is_queued_again_and_its_quota_given_back(chain: Chain) -> None:
    account = chain.account()
    message = chain.submit()
    [claim] = chain.claim()

    rescued = chain.rescue.leftovers([claim.id])

    found = chain.detail(message).message
    assert rescued == 1
    assert (found.status, found.due_at, found.claim_id, found.attempts) == ("queued", chain.clock(), None, 0)
    assert (chain.sent_today(account), chain.detail(message).attempts) == (0, [])


def test_begun_message_is_uncertain_and_still_counts(chain: Chain) -> None:
    account = chain.account()
    message = chain.submit()
    [claim] = chain.claim()
    begin(chain, message, claim.id)

    chain.rescue.leftovers([claim.id])

    found = chain.detail(message)
    assert (found.message.status, found.message.reason, found.message.attempts) == ("deferred", "uncertain", 1)
    assert found.message.due_at == chain.clock() + timedelta(minutes=1)
    assert [(one.outcome, one.account_id) for one in found.attempts] == [("uncertain", account)]
    assert [(one.account_name, one.server) for one in found.attempts] == [("Shop", "127.0.0.1:9")]
    assert "whether it was accepted is unknown" in found.attempts[0].reply_text
    assert chain.sent_today(account) == 1


def test_attempt_is_that_of_the_account_that_the_worker_had_failed_over_to(chain: Chain) -> None:
    chain.account(priority=1)
    second = chain.account(name="Second", host="second.example", port=587)
    message = chain.submit()
    [claim] = chain.claim()
    begin(chain, message, claim.id)
    change = {"claim_id": claim.id, "account_id": second, "day": "2026-03-10"}
    chain.database.write(lambda s: Message.change_account(s, message, **change))

    chain.rescue.leftovers([claim.id])

    [attempt] = chain.detail(message).attempts
    assert (attempt.account_id, attempt.account_name, attempt.server) == (second, "Second", "second.example:587")


def test_attempt_through_an_account_that_was_deleted_meanwhile_has_its_name(chain: Chain) -> None:
    account = chain.account()
    message = chain.submit()
    [claim] = chain.claim()
    begin(chain, message, claim.id)
    chain.accounts.delete(account)

    chain.rescue.leftovers([claim.id])

    assert [one.account_name for one in chain.detail(message).attempts] == ["Shop"]


def test_attempt_of_the_mailbox_has_no_server(chain: Chain) -> None:
    message = chain.submit()
    [claim] = chain.claim()
    begin(chain, message, claim.id)

    chain.rescue.leftovers([claim.id])

    assert [(one.account_name, one.server) for one in chain.detail(message).attempts] == [("Built-in mailbox", "")]


def test_begun_message_is_held_by_policy(make_chain: MakeChain) -> None:
    chain = make_chain(delivery_settings=DeliverySettings(**IMPATIENT, on_uncertain="hold"))
    chain.account()
    message = chain.submit()
    [claim] = chain.claim()
    begin(chain, message, claim.id)

    chain.rescue.leftovers([claim.id])

    found = chain.detail(message).message
    assert (found.status, found.reason, found.due_at) == ("held", "uncertain", None)


def test_rescued_message_is_sent_with_its_message_id(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = chain.submit()
    [claim] = chain.claim()
    begin(chain, message, claim.id)
    chain.rescue.leftovers([claim.id])

    chain.clock.advance(minutes=1)
    chain.turn()

    assert chain.status(message) == "sent"
    assert sink.messages[0].message_id == chain.detail(message).message.rfc_message_id


def test_rescue_twice_changes_nothing(chain: Chain) -> None:
    account = chain.account()
    chain.submit()
    chain.submit()
    [claim] = chain.claim(slots=1)

    assert chain.rescue.leftovers([claim.id, claim.id]) == 2
    assert chain.rescue.leftovers([claim.id]) == 0
    assert chain.sent_today(account) == 0


def test_claim_half_done_gives_back_what_was_not_begun(chain: Chain) -> None:
    account = chain.account()
    messages = [chain.submit() for _ in range(3)]
    [claim] = chain.claim(slots=1)
    begin(chain, messages[0], claim.id)

    chain.rescue.leftovers([claim.id])

    assert [chain.status(message) for message in messages] == ["deferred", "queued", "queued"]
    assert chain.sent_today(account) == 1


def test_at_start_only_the_claims_of_this_box_are_rescued(chain: Chain) -> None:
    other = add_claimed(chain.database, "clm_otherbox_1")
    longer_name = add_claimed(chain.database, "clm_thisbox01_1")
    mine = add_claimed(chain.database, "clm_thisbox0_1")

    rescued = chain.rescue.of_box(chain.outbox.claim_prefix)

    assert rescued == 1
    assert [chain.status(message) for message in (mine, other, longer_name)] == ["queued", "sending", "sending"]


def add_claimed(database: Database, claim_id: str) -> str:
    claimed = {"status": "sending", "claim_id": claim_id, "due_at": None, "lease_until": NOON + LEASE}
    return database.write(lambda session: add_message(session, **claimed))


def test_dispatcher_that_starts_anew_leaves_alone_what_workers_are_at(chain: Chain) -> None:
    chain.account()
    message, lost = chain.submit(), chain.submit()
    at_work, forgotten = chain.claim(slots=2)
    chain.in_flight.add(at_work)
    begin(chain, message, at_work.id)

    rescued = chain.rescue.of_box(chain.outbox.claim_prefix, at_work=chain.in_flight.ids())

    assert (rescued, chain.status(message), chain.status(lost)) == (1, "sending", "queued")
    assert forgotten.message_ids == (lost,)


def test_many_claims_are_all_found_at_start(chain: Chain) -> None:
    for number in range(450):
        add_claimed(chain.database, f"clm_thisbox0_{number}")

    assert chain.rescue.of_box(chain.outbox.claim_prefix) == 450
    assert chain.statuses() == {"queued": 450}


@needs_postgres
@pytest.mark.postgres
def test_claims_of_this_box_are_found_whatever_the_collation(
    postgres_database: Database, make_chain: MakeChain
) -> None:
    chain = make_chain(database=postgres_database)
    mine = add_claimed(postgres_database, "clm_thisbox0_01k8")
    other = add_claimed(postgres_database, "clm_otherbox_01k8")

    chain.rescue.of_box(chain.outbox.claim_prefix)

    assert [chain.status(message) for message in (mine, other)] == ["queued", "sending"]


def test_claim_is_rescued_once_its_lease_has_run_out(chain: Chain) -> None:
    chain.account()
    message = chain.submit()
    [claim] = chain.claim()
    chain.clock.advance(seconds=120)
    assert chain.rescue.stale() == set()

    chain.clock.advance(seconds=1)

    assert chain.rescue.stale() == {claim.id}
    assert (chain.status(message), chain.rescue.stale()) == ("queued", set())


def test_quota_of_a_day_that_is_over_is_not_given_to_the_next(chain: Chain, clock: FakeClock) -> None:
    account = chain.account()
    for _ in range(3):
        chain.submit()
    [claim] = chain.claim(slots=1)
    clock.advance(days=1)
    chain.submit()
    chain.claim()
    assert chain.sent_today(account) == 1

    chain.rescue.leftovers([claim.id])

    assert chain.sent_today(account) == 1


def test_rescue_of_an_account_that_is_gone_is_harmless(chain: Chain) -> None:
    account = chain.database.write(add_account)
    claimed = {"status": "sending", "claim_id": "clm_thisbox0_1", "claim_account_id": "acc_never", "due_at": None}
    message = chain.database.write(lambda session: add_message(session, **claimed))

    chain.rescue.leftovers(["clm_thisbox0_1"])

    assert (chain.status(message), chain.sent_today(account)) == ("queued", 0)
