"""Every cause for a message to wait, brought about as it comes about in use, and what it says then."""

from datetime import timedelta

import pytest

from appliance.config.settings import DeliverySettings
from appliance.db.models import Message
from appliance.db.models.message import Priority
from appliance.db.queries.outbox import MOST_AHEAD
from appliance.services import storing
from appliance.services.key_limits import KeyLimits
from appliance.services.submit_message import Submitter
from tests.factories import submit_message
from tests.services.conftest import ACME, IMPATIENT, Chain, MakeChain
from tests.services.situations import BERLIN, says, state
from tests.smtp_sink import SmtpSink


@pytest.fixture
def chain(make_chain: MakeChain) -> Chain:
    return make_chain(zone=BERLIN)


def test_nothing_in_the_way(chain: Chain) -> None:
    message = chain.submit()

    says(chain, message, "in the outbox and goes out as soon as a delivery slot is free; nothing needs to be done")


def test_others_go_first(chain: Chain) -> None:
    chain.submit()
    chain.submit(priority=Priority.LOW)
    chain.clock.advance(seconds=1)
    message = chain.submit()
    chain.submit(priority=Priority.HIGH)

    says(chain, message, "behind 2 other messages", "slot is free for it", "priority high")


def test_one_goes_first(chain: Chain) -> None:
    chain.submit()
    chain.clock.advance(seconds=1)

    says(chain, chain.submit(), "behind 1 other message and goes out")


def test_a_whole_backlog_goes_first(chain: Chain) -> None:
    many = [storing.named(submit_message(), "box.example") for _ in range(MOST_AHEAD + 5)]
    chain.database.write(lambda session: storing.insert(session, many, ACME, chain.clock()))
    chain.clock.advance(seconds=1)

    says(chain, chain.submit(), "behind more than 1,000 other messages")


def test_its_sender_asked_for_later(chain: Chain) -> None:
    message = chain.submit(send_at=chain.clock() + timedelta(hours=20))

    says(chain, message, "waits until 09:00 tomorrow (Europe/Berlin), as its sender asked", "cancel it")


def test_being_sent(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = chain.submit()
    chain.claim()

    says(chain, message, "being sent through the sender account 'Shop' right now")


def test_its_worker_is_gone(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = chain.submit()
    chain.claim()
    chain.clock.advance(days=1)

    says(chain, message, "has not been heard of", "taken back by itself", "nothing needs to be done")


def test_the_only_account_is_full(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink, daily_limit=1)
    chain.submit()
    chain.clock.advance(seconds=1)
    message = chain.submit()
    chain.turn()

    assert state(chain, message) == ("held", "quota")
    says(chain, message, "No sender account has quota left today, so it is held until 00:00 tomorrow (Europe/Berlin)")
    says(chain, message, "raise a daily limit or add a sender account to send it sooner")


def test_all_accounts_are_full(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink, name="A", daily_limit=0)
    chain.account(sink, name="B", daily_limit=0)
    message = chain.submit()
    chain.turn()

    says(chain, message, "No sender account has quota left today", "until 00:00 tomorrow (Europe/Berlin)")


def test_the_account_that_it_asked_for_is_full(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink, name="Other")
    full = chain.account(sink, name="Shop", daily_limit=0)
    message = chain.submit(account=full)
    chain.turn()

    says(chain, message, "The sender account 'Shop' has no quota left today and it may use no other")
    says(chain, message, "until 00:00 tomorrow (Europe/Berlin)", "raise its daily limit")


def test_one_account_is_full_and_the_other_paused(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink, name="Full", daily_limit=0)
    chain.accounts.pause(chain.account(sink, name="Idle"))
    message = chain.submit()
    chain.turn()

    says(chain, message, "No sender account can take it now: 'Full' has no quota left today, 'Idle' is paused.")
    says(chain, message, "held until 00:00 tomorrow", "resume an account or raise a daily limit to send it sooner")


def test_one_account_rests_and_the_others_are_full(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink, name="Broken", priority=1)
    for name in "ABC":
        chain.account(sink, name=name, daily_limit=0)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    chain.submit()
    chain.turn()
    chain.clock.advance(seconds=1)
    message = chain.submit()
    chain.turn()

    says(chain, message, "'Broken' rests after an error", "account suspended", "and 1 more.", "mend an account")


def test_the_only_account_is_paused(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    chain.accounts.pause(account)
    message = chain.submit()
    pinned = chain.submit(account=account)
    chain.turn()

    assert state(chain, message) == ("held", "paused")
    says(chain, message, "is paused; resume one under Sender accounts and it goes out")
    says(chain, pinned, "'Shop' is paused and it may use no other; resume it under Sender accounts")


def test_the_only_account_rests_after_an_error(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    chain.submit()
    chain.turn()
    chain.clock.advance(seconds=1)
    message, pinned = chain.submit(), chain.submit(account=account)
    chain.turn()

    assert state(chain, message) == ("held", "breaker")
    says(
        chain,
        message,
        "rests after an error",
        "account suspended",
        "so it is held until 13:01 today",
        "mend the account",
    )
    says(chain, pinned, "The sender account 'Shop', which is the only one that it may use, rests after an error")


def test_no_account_could_be_used_in_the_attempt(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    message = chain.submit()
    [claim] = chain.claim()
    chain.deliver(claim)

    assert state(chain, message) == ("deferred", "account_error")
    says(
        chain, message, "No sender account could be used", "account suspended", "mend the account under Sender accounts"
    )


def test_the_account_that_it_asked_for_is_gone(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink, name="Other")
    account = chain.account(sink)
    message = chain.submit(account=account)
    chain.accounts.delete(account)
    chain.turn()

    assert state(chain, message) == ("held", "account_gone")
    says(chain, message, "The sender account that it asked for was deleted; cancel it, or send it anew")


def test_the_account_that_it_asked_for_is_deleted_while_it_is_tried_again(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("MAIL", "550 5.7.1 account suspended")
    message = chain.submit(account=account)
    [claim] = chain.claim()
    chain.deliver(claim)
    assert state(chain, message) == ("deferred", "account_error")

    chain.accounts.delete(account)

    says(chain, message, "The sender account that it asked for was deleted; cancel it, or send it anew")


def test_the_account_that_it_goes_out_through_is_deleted(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    message = chain.submit()
    chain.claim()

    chain.accounts.delete(account)

    says(chain, message, "being sent through a sender account that was deleted right now")


def test_the_accounts_of_its_key_are_full_or_gone(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink, name="Other")
    full, gone = chain.account(sink, name="Full", daily_limit=0), chain.account(sink, name="Gone")
    bound = [
        chain.submission.submit(submit_message(), Submitter("key", "", KeyLimits(allowed_accounts=(one,)))).id
        for one in (full, gone)
    ]
    chain.accounts.delete(gone)
    chain.turn()

    says(chain, bound[0], "No sender account that its API key may use has quota left today", "raise a daily limit to")
    says(chain, bound[1], "Every sender account that its API key may use was deleted")


def test_the_server_puts_off_strangers(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "450 4.2.0 Greylisted, come back later", times=1)
    message = chain.submit()
    chain.turn()

    assert state(chain, message) == ("deferred", "temporary")
    says(chain, message, "(greylisting), at attempt 1: 450 4.2.0 Greylisted, come back later.")
    says(chain, message, "waits until 13:01 today", "nothing needs to be done")


def test_a_temporary_error(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "452 4.2.2 mailbox full", times=1)
    message = chain.submit()
    chain.turn()

    says(chain, message, "temporary error at attempt 1: 452 4.2.2 mailbox full.", "until 13:01 today", "retry it")


def test_no_answer_after_a_crash_and_it_is_sent_again(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.drop("END_OF_DATA", times=1)
    message = chain.submit()
    chain.turn()

    assert state(chain, message) == ("deferred", "uncertain")
    says(
        chain, message, "is unknown", "until 13:01 today", "with the same Message-ID", "cancel it if it must not go out"
    )


def test_no_answer_after_a_crash_and_it_is_held(make_chain: MakeChain, sink: SmtpSink) -> None:
    chain = make_chain(delivery_settings=DeliverySettings(**IMPATIENT, on_uncertain="hold"))
    chain.account(sink)
    sink.drop("END_OF_DATA", times=1)
    message = chain.submit()
    chain.turn()

    assert state(chain, message) == ("held", "uncertain")
    says(chain, message, "is unknown", "Ask the recipient, then retry it", "or cancel it")


def test_the_process_died_while_it_was_sent(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    message = chain.submit()
    [claim] = chain.claim()
    lease = chain.clock() + timedelta(minutes=5)
    chain.database.write(lambda session: Message.begin(session, message, claim_id=claim.id, lease_until=lease))
    chain.clock.advance(days=1)
    chain.rescue.stale()

    assert state(chain, message) == ("deferred", "uncertain")
    says(chain, message, "is unknown", "sent again with the same Message-ID")
    assert chain.sent_today(account) == 0


def test_it_will_expire(chain: Chain) -> None:
    says(
        chain, chain.submit(expires_at=chain.clock() + timedelta(hours=1)), "It expires at 14:00 today (Europe/Berlin)"
    )
