"""A clock that is set back or forward by an hour keeps no mail waiting, sends none twice and breaks no limit."""

from datetime import timedelta

import pytest

from appliance.services.clock_changes import ClockChanges
from tests.fakes import FakeTimer
from tests.services.conftest import Chain
from tests.smtp_sink import SmtpSink

HOUR = 3600


@pytest.fixture
def timer() -> FakeTimer:
    return FakeTimer()


@pytest.fixture
def woken() -> list[bool]:
    return []


@pytest.fixture
def changes(chain: Chain, timer: FakeTimer, woken: list[bool]) -> ClockChanges:
    made = ClockChanges(chain.database, on_due=lambda: woken.append(True), clock=chain.clock, timer=timer)
    made.look()
    return made


def pass_by(chain: Chain, timer: FakeTimer, seconds: float) -> None:
    chain.clock.advance(seconds=seconds)
    timer.seconds += seconds


def test_queued_mail_goes_at_once_when_the_clock_was_set_back(
    chain: Chain, changes: ClockChanges, woken: list[bool], sink: SmtpSink
) -> None:
    chain.account(sink)
    ids = [chain.submit(priority=priority) for priority in (0, 1, 2)]
    chain.clock.advance(hours=-1)
    assert chain.claim() == []

    changes.look()
    chain.turn()

    assert woken
    assert [chain.status(message_id) for message_id in ids] == ["sent"] * 3
    assert sink.count == 3


def test_mail_that_was_queued_before_the_clock_was_set_back_goes_at_the_next_start(
    chain: Chain, timer: FakeTimer, sink: SmtpSink
) -> None:
    chain.account(sink)
    message = chain.submit()
    chain.clock.advance(hours=-1)

    ClockChanges(chain.database, on_due=lambda: None, clock=chain.clock, timer=timer).look()
    chain.turn()

    assert chain.status(message) == "sent"


def test_a_retry_comes_after_its_wait_and_not_an_hour_later(
    chain: Chain, changes: ClockChanges, timer: FakeTimer, sink: SmtpSink
) -> None:
    chain.account(sink)
    message = chain.submit()
    sink.reply("RCPT", "451 4.3.0 later", times=1)
    chain.turn()
    assert chain.status(message) == "deferred"

    chain.clock.advance(hours=-1)
    changes.look()
    chain.turn()
    assert chain.status(message) == "deferred"
    pass_by(chain, timer, 61)
    chain.turn()

    assert chain.status(message) == "sent"


def test_an_account_rests_as_long_as_it_should(
    chain: Chain, changes: ClockChanges, timer: FakeTimer, sink: SmtpSink
) -> None:
    chain.account(sink)
    message = chain.submit()
    sink.drop("CONNECT", times=1)
    chain.turn()
    assert chain.status(message) != "sent"

    chain.clock.advance(hours=-1)
    changes.look()
    pass_by(chain, timer, 61)
    chain.turn()

    assert chain.status(message) == "sent"


def test_a_moment_that_a_client_chose_means_the_time_of_day(
    chain: Chain, changes: ClockChanges, sink: SmtpSink
) -> None:
    chain.account(sink)
    message = chain.submit(send_at=chain.clock() + timedelta(minutes=10))

    chain.clock.advance(hours=-1)
    changes.look()
    chain.clock.advance(minutes=50)
    chain.turn()
    assert chain.status(message) == "scheduled"
    chain.clock.advance(minutes=21)
    chain.turn()

    assert chain.status(message) == "sent"


def test_small_steps_are_left_alone(chain: Chain, changes: ClockChanges, woken: list[bool]) -> None:
    chain.clock.advance(seconds=-4)

    changes.look()

    assert woken == []


def test_what_a_worker_holds_is_not_taken_from_it_when_the_clock_is_set_forward(chain: Chain, sink: SmtpSink) -> None:
    """As the dispatcher does it: leases of those at work are renewed before the others' are looked at."""
    chain.account(sink)
    chain.submit()
    [claim] = chain.claim()
    chain.in_flight.add(claim)

    with chain.in_flight.working(claim.id):
        chain.clock.advance(hours=1)
        chain.outbox.renew(chain.in_flight.working_ids())

        assert chain.rescue.stale() == set()
    assert chain.deliver(claim) == {"sent": 1}


@pytest.mark.parametrize("hours", [1, -1])
def test_the_day_of_an_account_counts_on_over_midnight_there_and_back(chain: Chain, sink: SmtpSink, hours: int) -> None:
    """Half past eleven in the evening, and half past midnight: an hour back or forth changes the date."""
    account = chain.account(sink, daily_limit=2)
    chain.clock.advance(hours=11, minutes=30) if hours > 0 else chain.clock.advance(hours=12, minutes=30)
    chain.submit()
    chain.turn()
    assert chain.sent_today(account) == 1

    chain.clock.advance(hours=hours)
    chain.clock.advance(hours=-hours)
    for _ in range(3):
        chain.submit()
    chain.turn()

    assert sink.count == 2
    assert chain.statuses() == {"sent": 2, "held": 2}


def test_a_day_that_comes_twice_is_counted_once(chain: Chain, sink: SmtpSink) -> None:
    """Sent after midnight by a clock that is fast: set right, the day before must not begin anew."""
    account = chain.account(sink, daily_limit=2)
    chain.clock.advance(hours=11, minutes=30)
    for _ in range(2):
        chain.submit()
    chain.turn()
    chain.clock.advance(hours=1)
    for _ in range(2):
        chain.submit()
    chain.turn()
    chain.clock.advance(hours=-1)

    for _ in range(2):
        chain.submit()
    chain.turn()

    assert sink.count == 4
    assert chain.sender(account).count == 2
    assert chain.statuses() == {"sent": 4, "held": 2}


def test_midnight_during_a_send_is_counted_where_it_was_reserved(chain: Chain, sink: SmtpSink) -> None:
    """Claimed before midnight, accepted after it: the limit of the day before was used, the new day is whole."""
    account = chain.account(sink, daily_limit=2)
    chain.clock.advance(hours=11, minutes=59, seconds=50)
    for _ in range(2):
        chain.submit()
    claims = chain.claim(slots=1)

    chain.clock.advance(seconds=20)
    for claim in claims:
        chain.deliver(claim)

    assert sink.count == 2
    assert chain.sent_today(account) == 0
    assert (chain.sender(account).count_date, chain.sender(account).count) == ("2026-03-10", 2)
    for _ in range(3):
        chain.submit()
    chain.turn()
    assert chain.statuses() == {"sent": 4, "held": 1}
    assert chain.sent_today(account) == 2


def test_what_fails_after_midnight_gives_nothing_back_to_the_new_day(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink, daily_limit=2)
    chain.clock.advance(hours=11, minutes=59, seconds=50)
    chain.submit()
    [claim] = chain.claim()
    chain.clock.advance(seconds=20)
    chain.submit()
    chain.turn()
    assert chain.sent_today(account) == 1
    sink.reply("RCPT", "451 4.3.0 later", times=1)

    chain.deliver(claim)

    assert chain.sent_today(account) == 1
    assert sink.count == 1
