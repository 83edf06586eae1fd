"""Delivery when a sender account is in trouble: fail-over, the breaker, and counts that stay right."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from appliance.db.models import SenderAccount
from appliance.db.models.message import Message
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID, AccountState
from tests.services.conftest import Chain, MakeChain, outcomes
from tests.services_up import needs_postgres
from tests.smtp_sink import SmtpSink


def breaker_until(chain: Chain, account_id: str) -> datetime:
    until = chain.sender(account_id).breaker_until
    assert until is not None
    return until


def test_broken_account_fails_over_within_the_attempt(chain: Chain, sink: SmtpSink, other_sink: SmtpSink) -> None:
    first = chain.account(sink, name="First", priority=2)
    second = chain.account(other_sink, name="Second", priority=1)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    message = chain.submit()

    chain.deliver(chain.claim()[0])

    assert chain.status(message) == "sent"
    assert [(one.account_name, one.outcome, one.number) for one in chain.detail(message).attempts] == [
        ("First", "account_error", 1),
        ("Second", "sent", 1),
    ]
    assert (sink.count, other_sink.count) == (0, 1)
    assert (chain.sent_today(first), chain.sent_today(second)) == (0, 1)
    assert chain.sender(first).state(chain.clock(), "2026-03-10") is AccountState.RESTING
    assert "account suspended" in chain.sender(first).last_error


def test_refused_login_fails_over(chain: Chain, sink: SmtpSink) -> None:
    with SmtpSink(users={"shop": "right"}) as guarded:
        chain.account(guarded, username="shop", password="wrong", priority=1)
        chain.account(sink)
        message = chain.submit()

        chain.turn()

    assert outcomes(chain, message) == ["account_error", "sent"]
    assert sink.count == 1


def test_password_that_cannot_be_read_is_an_error_of_the_account(chain: Chain, sink: SmtpSink) -> None:
    locked = chain.account(sink, name="Locked", username="shop", password="secret", priority=1)
    chain.account(sink, name="Open")
    chain.database.write(lambda session: setattr(session.get(SenderAccount, locked), "password_encrypted", "rubbish"))
    message = chain.submit()

    chain.turn()

    assert [(one.account_name, one.outcome) for one in chain.detail(message).attempts] == [
        ("Locked", "account_error"),
        ("Open", "sent"),
    ]
    assert "encrypted with another key" in chain.sender(locked).last_error


def test_rest_of_a_batch_leaves_a_broken_account(chain: Chain, sink: SmtpSink, other_sink: SmtpSink) -> None:
    broken = chain.account(sink, priority=2)
    chain.account(other_sink, priority=1)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    for _ in range(40):
        chain.submit()

    chain.turn()

    assert chain.statuses() == {"sent": 40}
    assert other_sink.count == 40
    assert chain.sent_today(broken) == 0
    assert sum(command.startswith("MAIL") for command in sink.commands) <= 4


def test_all_accounts_broken_waits_until_one_is_back(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended", times=1)
    message = chain.submit()

    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason, found.attempts) == ("deferred", "account_error", 0)
    assert found.due_at == chain.clock() + timedelta(seconds=30)
    assert chain.sent_today(account) == 0
    chain.clock.advance(seconds=30)
    chain.turn()
    assert (chain.status(message), chain.sent_today(account)) == ("sent", 1)


def test_breaker_doubles_with_each_failed_probe_and_closes_with_a_good_one(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended", times=3)
    chain.submit()
    rests = []
    for _ in range(3):
        chain.turn()
        until = breaker_until(chain, account)
        rests.append((until - chain.clock()).total_seconds())
        chain.clock.now = until

    chain.turn()

    assert rests == [30, 60, 120]
    assert (chain.sender(account).breaker_until, chain.sender(account).breaker_failures) == (None, 0)
    assert chain.statuses() == {"sent": 1}


def test_half_open_breaker_lets_one_message_try(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    for _ in range(20):
        chain.submit()
    chain.turn()
    chain.clock.now = breaker_until(chain, account)
    sink.commands.clear()

    chain.turn()

    assert sum(command.startswith("MAIL") for command in sink.commands) == 1
    assert "sent" not in chain.statuses()


def test_account_that_is_back_takes_everything_that_waited_for_it(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    for _ in range(20):
        chain.submit()
    chain.turn()
    assert "sent" not in chain.statuses()
    chain.clock.now = breaker_until(chain, account)
    sink.forget_rules()
    [probe] = chain.claim()
    assert (len(probe.message_ids), chain.claim(), chain.statuses()) == (1, [], {"sending": 1, "held": 19})

    chain.deliver(probe)
    chain.turn()

    assert chain.statuses() == {"sent": 20}
    assert chain.sent_today(account) == sink.count == 20


def test_account_that_refuses_recipients_is_not_broken(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("RCPT", "550 5.7.1 not for you")
    for _ in range(5):
        chain.submit()

    chain.turn()

    assert chain.statuses() == {"failed": 5}
    assert chain.sender(account).breaker_until is None


def test_pinned_message_does_not_fail_over(chain: Chain, sink: SmtpSink, other_sink: SmtpSink) -> None:
    pinned = chain.account(sink, priority=1)
    chain.account(other_sink)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    message = chain.submit(account=pinned)

    chain.turn()

    assert (chain.status(message), other_sink.count) == ("deferred", 0)


def test_account_paused_while_it_broke_leaves_the_message_held_for_a_person(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended", times=1)
    message = chain.submit()
    [claim] = chain.claim()
    chain.accounts.pause(account)

    chain.deliver(claim)
    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason, found.due_at) == ("held", "paused", None)
    chain.accounts.resume(account)
    chain.turn()
    assert chain.status(message) == "sent"


def test_account_deleted_while_it_broke_leaves_the_message_to_another(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended", times=1)
    message = chain.submit()
    [claim] = chain.claim()
    chain.accounts.delete(account)

    chain.deliver(claim)
    chain.turn()

    assert chain.status(message) == "sent"
    assert [one.account_id for one in chain.detail(message).attempts] == [account, BUILT_IN_MAILBOX_ID]


@pytest.mark.parametrize(
    "kind", ["database", pytest.param("postgres_database", marks=[needs_postgres, pytest.mark.postgres])]
)
def test_counts_of_the_day_agree_with_what_the_servers_received(
    request: pytest.FixtureRequest, make_chain: MakeChain, kind: str, sink: SmtpSink, other_sink: SmtpSink
) -> None:
    chain = make_chain(database=request.getfixturevalue(kind))
    limited = chain.account(sink, daily_limit=15, priority=1)
    other = chain.account(other_sink)
    sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: "bad" in line)
    sink.reply("RCPT", "451 4.2.1 greylisted", when=lambda line: "slow" in line, times=3)
    sink.reply("MAIL", "421 4.7.0 too busy", times=1)
    other_sink.reply("END_OF_DATA", "451 4.3.0 try later", times=4)
    other_sink.drop("END_OF_DATA", times=2)
    other_sink.reply("MAIL", "550 5.7.1 account suspended", times=1)
    for number in range(60):
        chain.submit(f"{('ann', 'bad', 'slow')[number % 3]}{number}@example.com", f"bob{number}@example.com")

    for _ in range(12):
        chain.turn()
        chain.clock.advance(minutes=12)

    unfinished = {status for status in chain.statuses() if status not in ("sent", "partially_sent", "failed")}
    assert unfinished == set()
    assert (chain.sent_today(limited), chain.sent_today(other)) == (sink.count, other_sink.count)
    assert sink.count <= 15
    with chain.database.read() as session:
        assert session.scalar(select(func.count()).where(Message.claim_id.is_not(None))) == 0


@pytest.fixture
def ascii_sink() -> Iterator[SmtpSink]:
    """A server that is well, and takes addresses in ASCII alone."""
    with SmtpSink(extensions=("8BITMIME",)) as sink:
        yield sink


JOERG = "jörg@example.com"


def test_message_that_a_server_is_not_able_to_take_goes_through_another_and_no_account_rests(
    chain: Chain, ascii_sink: SmtpSink, sink: SmtpSink
) -> None:
    first = chain.account(ascii_sink, name="First", priority=1)
    second = chain.account(sink, name="Second")
    foreign, plain = chain.submit(JOERG), chain.submit()

    chain.turn()

    assert [(one.account_name, one.outcome, one.number) for one in chain.detail(foreign).attempts] == [
        ("First", "failed", 1),
        ("Second", "sent", 1),
    ]
    assert chain.detail(foreign).message.attempts == 1
    assert [one.account_name for one in chain.detail(plain).attempts] == ["First"]
    assert (chain.sent_today(first), chain.sent_today(second)) == (1, 1)
    assert chain.sender(first).breaker_failures == 0


@pytest.mark.parametrize(
    "script", [lambda sink: sink.reply("MAIL", "552 5.3.4 too large"), lambda sink: sink.reply("MAIL", "550 5.6.7 no")]
)
def test_what_a_server_says_of_size_or_form_before_it_has_the_message_holds_for_it_alone(
    chain: Chain, sink: SmtpSink, other_sink: SmtpSink, script: Callable[[SmtpSink], None]
) -> None:
    chain.account(sink, priority=1)
    chain.account(other_sink)
    script(sink)
    message = chain.submit()

    chain.turn()

    assert outcomes(chain, message) == ["failed", "sent"]


def test_message_that_no_server_is_able_to_take_has_failed(chain: Chain, ascii_sink: SmtpSink) -> None:
    accounts = [chain.account(ascii_sink, priority=priority) for priority in (2, 1)]
    chain.account(ascii_sink, active=False)
    message = chain.submit(JOERG)

    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason, found.attempts) == ("failed", "refused", 1)
    assert outcomes(chain, message) == ["failed", "failed"]
    assert [chain.sent_today(one) for one in accounts] == [0, 0]
    assert all(chain.sender(one).breaker_until is None for one in accounts)


def test_message_that_only_an_account_at_rest_may_take_waits_for_it(
    chain: Chain, ascii_sink: SmtpSink, sink: SmtpSink
) -> None:
    chain.account(ascii_sink, priority=1)
    able = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended", times=1)
    message = chain.submit(JOERG)

    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.attempts, found.due_at) == ("deferred", 0, breaker_until(chain, able))
    chain.clock.now = breaker_until(chain, able)
    chain.turn()
    assert (chain.status(message), sink.count) == ("sent", 1)


def test_message_that_only_a_full_account_may_take_waits_for_midnight(
    chain: Chain, ascii_sink: SmtpSink, sink: SmtpSink
) -> None:
    chain.account(ascii_sink, priority=1)
    chain.account(sink, daily_limit=0)
    message = chain.submit(JOERG)

    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.due_at) == ("deferred", datetime(2026, 3, 11, tzinfo=UTC))


def test_account_that_is_tried_again_by_what_it_cannot_take_works_again(
    chain: Chain, ascii_sink: SmtpSink, sink: SmtpSink
) -> None:
    probed = chain.account(ascii_sink, priority=1)
    chain.account(sink)
    ascii_sink.reply("MAIL", "550 5.7.1 account suspended", times=1)
    chain.submit()
    chain.turn()
    chain.clock.now = breaker_until(chain, probed)
    message = chain.submit(JOERG)

    chain.turn()

    assert outcomes(chain, message) == ["failed", "sent"]
    assert (chain.sender(probed).breaker_until, chain.sender(probed).breaker_failures) == (None, 0)


def test_message_for_one_account_alone_does_not_look_for_another(
    chain: Chain, ascii_sink: SmtpSink, sink: SmtpSink
) -> None:
    pinned = chain.account(ascii_sink, priority=1)
    chain.account(sink)
    message = chain.submit(JOERG, account=pinned)

    chain.turn()

    assert (chain.status(message), sink.count) == ("failed", 0)
