from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import gevent
import pytest

from appliance.config.settings import DispatcherSettings
from appliance.db.models import SenderAccount
from appliance.db.models.message import Message, Priority
from appliance.services import outbox as outbox_module
from tests.factories import add_message
from tests.services.conftest import Chain, MakeChain, fake_of

BERLIN = ZoneInfo("Europe/Berlin")
MIDNIGHT = datetime(2026, 3, 11, tzinfo=UTC)


def sizes(chain: Chain, slots: int = 4) -> list[int]:
    return sorted(len(claim.message_ids) for claim in chain.claim(slots))


def test_one_message_is_one_claim_of_one(chain: Chain) -> None:
    account = chain.account()
    message = chain.submit()

    [claim] = chain.claim()

    assert (claim.message_ids, claim.account_id, claim.high_priority) == ((message,), account, False)
    found = chain.detail(message).message
    assert (found.status, found.claim_id, found.claim_account_id) == ("sending", claim.id, account)
    assert (found.claim_day, found.begun, found.due_at) == ("2026-03-10", False, None)
    assert found.lease_until == chain.clock() + timedelta(seconds=120)
    assert chain.sent_today(account) == 1


def test_what_gathered_is_divided_evenly_over_the_free_slots(chain: Chain) -> None:
    chain.account()
    for _ in range(200):
        chain.submit()

    assert sizes(chain) == [50, 50, 50, 50]


def test_batches_of_a_small_backlog_are_even(chain: Chain) -> None:
    chain.account()
    for _ in range(10):
        chain.submit()

    assert sizes(chain) == [1, 3, 3, 3]


def test_each_claim_is_of_one_account_and_accounts_take_turns(chain: Chain) -> None:
    first, second = chain.account(), chain.account()
    for _ in range(200):
        chain.submit()

    claims = chain.claim()

    assert [len(claim.message_ids) for claim in claims] == [50, 50, 50, 50]
    assert sorted(claim.account_id for claim in claims) == sorted([first, first, second, second])
    assert (chain.sent_today(first), chain.sent_today(second)) == (100, 100)


def test_no_more_is_claimed_than_the_slots_take(make_chain: MakeChain) -> None:
    chain = make_chain(dispatcher_settings=DispatcherSettings(batch_size=5))
    account = chain.account()
    for _ in range(30):
        chain.submit()

    assert sizes(chain, slots=2) == [5, 5]
    assert chain.statuses() == {"sending": 10, "queued": 20}
    assert chain.sent_today(account) == 10


def test_oldest_due_messages_of_a_priority_go_first(chain: Chain) -> None:
    chain.account()
    messages = []
    for _ in range(3):
        messages.append(chain.submit())
        chain.clock.advance(seconds=1)

    [claim] = chain.claim(slots=1)

    assert list(claim.message_ids) == messages


def test_low_priority_waits_for_normal(make_chain: MakeChain) -> None:
    chain = make_chain(dispatcher_settings=DispatcherSettings(batch_size=1))
    chain.account()
    low, normal = chain.submit(priority=Priority.LOW), chain.submit()

    assert [claim.message_ids for claim in chain.claim(slots=1)] == [(normal,)]
    assert [claim.message_ids for claim in chain.claim(slots=1)] == [(low,)]


def test_high_priority_has_slots_of_its_own(chain: Chain) -> None:
    chain.account()
    chain.submit()
    urgent = chain.submit(priority=Priority.HIGH)

    claims = chain.outbox.claim(0, 2).claims

    assert [(claim.message_ids, claim.high_priority) for claim in claims] == [((urgent,), True)]


def test_high_priority_also_takes_the_normal_slots_first(make_chain: MakeChain) -> None:
    chain = make_chain(dispatcher_settings=DispatcherSettings(batch_size=1))
    chain.account()
    chain.submit()
    for _ in range(3):
        chain.submit(priority=Priority.HIGH)

    claims = chain.outbox.claim(2, 1).claims

    assert [claim.high_priority for claim in claims] == [True, False, False]
    assert chain.statuses() == {"sending": 3, "queued": 1}


def test_nothing_due_claims_nothing(chain: Chain) -> None:
    chain.account()
    chain.database.write(lambda session: add_message(session, due_at=chain.clock() + timedelta(seconds=1)))

    assert not chain.outbox.has_due()
    assert chain.claim() == []


def test_full_accounts_hold_the_rest_until_midnight(chain: Chain) -> None:
    account = chain.account(daily_limit=2)
    for _ in range(5):
        chain.submit()

    round_ = chain.outbox.claim(4, 4)

    assert (sum(len(claim.message_ids) for claim in round_.claims), round_.held, round_.more) == (2, 3, True)
    assert chain.sent_today(account) == 2
    with chain.database.read() as session:
        held = session.query(Message).where(Message.status == "held").all()
    assert {(message.reason, message.due_at) for message in held} == {("quota", MIDNIGHT)}


def test_held_message_explains_its_release_in_local_time(make_chain: MakeChain) -> None:
    chain = make_chain(zone=BERLIN)
    chain.account(daily_limit=0)
    message = chain.submit()

    chain.turn()

    assert chain.detail(message).message.due_at == datetime(2026, 3, 10, 23, tzinfo=UTC)
    assert (
        "No sender account has quota left today, so it is held until 00:00 tomorrow (Europe/Berlin)"
        in chain.explanation(message)
    )


def test_held_messages_go_out_after_midnight_by_themselves(faked: Chain) -> None:
    account = faked.account(daily_limit=2)
    for _ in range(3):
        faked.submit()
    faked.turn()
    assert faked.statuses() == {"sent": 2, "held": 1}
    faked.clock.now = MIDNIGHT - timedelta(seconds=1)
    faked.turn()
    assert faked.statuses() == {"sent": 2, "held": 1}

    faked.clock.now = MIDNIGHT
    faked.turn()

    assert faked.statuses() == {"sent": 3}
    assert faked.sent_today(account) == 1


def test_message_is_held_until_the_first_account_is_free_again(faked: Chain) -> None:
    faked.account(daily_limit=0)
    resting = faked.account()
    back = faked.clock() + timedelta(minutes=10)
    faked.database.write(lambda session: setattr(session.get(SenderAccount, resting), "breaker_until", back))
    message = faked.submit()

    faked.turn()

    found = faked.detail(message).message
    assert (found.status, found.reason, found.due_at) == ("held", "breaker", back)


def test_message_that_asks_for_a_deleted_account_is_held_for_a_person(chain: Chain) -> None:
    gone = chain.account()
    message = chain.submit(account=gone)
    chain.accounts.delete(gone)

    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason, found.due_at) == ("held", "account_gone", None)


def test_claim_is_renewed_by_a_worker_that_reports(chain: Chain) -> None:
    chain.account()
    message = chain.submit()
    [claim] = chain.claim()
    chain.clock.advance(seconds=100)

    chain.outbox.renew({claim.id})

    assert chain.detail(message).message.lease_until == chain.clock() + timedelta(seconds=120)


def test_closed_claims_are_those_that_hold_nothing(faked: Chain) -> None:
    faked.account()
    faked.submit()
    [done] = faked.claim()
    faked.deliver(done)
    faked.submit()
    [open_] = faked.claim()

    assert faked.outbox.closed_claims({done.id, open_.id}) == {done.id}
    assert faked.outbox.closed_claims(set()) == set()


def test_two_rounds_at_once_claim_each_message_once(chain: Chain) -> None:
    account = chain.account()
    for _ in range(100):
        chain.submit()

    rounds = [gevent.spawn(chain.claim, 1) for _ in range(8)]
    gevent.joinall(rounds, raise_error=True)

    claimed = [message for round_ in rounds for claim in round_.value for message in claim.message_ids]
    assert len(claimed) == len(set(claimed)) == 100
    assert chain.sent_today(account) == 100


def test_unused_reservation_is_refunded_exactly(chain: Chain) -> None:
    account = chain.account(daily_limit=10)
    for _ in range(10):
        chain.submit()
    [claim] = chain.claim(slots=1)
    assert chain.sent_today(account) == 10

    chain.rescue.leftovers([claim.id])

    assert chain.sent_today(account) == 0
    assert sum(sizes(chain)) == 10


def test_notify_wakes_the_one_who_waits(chain: Chain) -> None:
    waiting = gevent.spawn(chain.outbox.wait, 60)
    gevent.idle()

    chain.outbox.notify()

    waiting.join(timeout=5)
    assert waiting.successful()


def test_submission_and_release_notify(chain: Chain) -> None:
    chain.submit()

    waiting = gevent.spawn(chain.outbox.wait, 60)
    waiting.join(timeout=5)

    assert waiting.successful()


def test_fewest_sent_today_goes_first_among_equals(faked: Chain) -> None:
    first, second = faked.account(), faked.account()
    for _ in range(3):
        faked.submit(account=first)
    faked.turn()
    for _ in range(4):
        faked.submit()
        faked.turn()

    assert (faked.sent_today(first), faked.sent_today(second)) == (4, 3)
    assert len(fake_of(faked, second).envelopes) == 3


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/St_Johns"])
def test_limit_belongs_to_the_day_of_the_zone(make_chain: MakeChain, zone: str) -> None:
    chain = make_chain(zone=ZoneInfo(zone))
    account = chain.account()
    chain.submit()

    chain.claim()

    assert chain.sender(account).count_date == chain.clock().astimezone(ZoneInfo(zone)).date().isoformat()


def pin_to_a_full_account(chain: Chain, count: int) -> str:
    full = chain.account(daily_limit=0)
    for _ in range(count):
        chain.submit(account=full)
    return full


def test_backlog_of_a_full_account_keeps_nobody_else_waiting(make_chain: MakeChain) -> None:
    chain = make_chain(dispatcher_settings=DispatcherSettings(batch_size=1))
    chain.account()
    pin_to_a_full_account(chain, 20)
    chain.clock.advance(seconds=1)
    young = chain.submit()

    [claim] = chain.claim(slots=1)

    assert claim.message_ids == (young,)


def test_what_cannot_go_is_set_aside_some_at_a_time_and_then_left_alone(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "MOST_SET_ASIDE", 10)
    pin_to_a_full_account(chain, 25)

    rounds = [chain.outbox.claim(1, 0) for _ in range(4)]

    assert [(round_.held, round_.more) for round_ in rounds] == [(10, True), (10, True), (5, False), (0, False)]
    assert not chain.outbox.has_due()
    assert chain.statuses() == {"held": 25}


def test_what_was_set_aside_goes_out_when_its_account_has_room(faked: Chain) -> None:
    full = pin_to_a_full_account(faked, 3)
    faked.turn()
    assert faked.statuses() == {"held": 3}

    faked.accounts.change(full, {"daily_limit": 10})
    faked.turn()

    assert faked.statuses() == {"sent": 3}


def test_messages_of_several_routes_go_in_the_order_of_their_age(chain: Chain) -> None:
    first, second = chain.account(), chain.account()
    messages = []
    for account in (first, None, second, first):
        messages.append(chain.submit(account=account))
        chain.clock.advance(seconds=1)

    claimed = {message for claim in chain.claim(slots=4) for message in claim.message_ids}

    assert claimed == set(messages)


def test_message_of_a_closed_route_that_is_past_its_expiry_ends(chain: Chain) -> None:
    full = chain.account(daily_limit=0)
    message = chain.submit(account=full, expires_at=chain.clock() + timedelta(seconds=1))
    chain.clock.advance(seconds=2)

    chain.claim()

    assert chain.detail(message).message.reason == "expired"
