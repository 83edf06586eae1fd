"""Every end of a message, brought about as it comes about in use, and what it says then."""

from datetime import timedelta

import pytest

from appliance.config.settings import DeliverySettings
from appliance.db.models.message_removal import remove_bodies
from appliance.db.models.suppression import SuppressionSource
from appliance.services.attachments import StoredFile
from tests.services.conftest import IMPATIENT, Chain, MakeChain
from tests.services.situations import BERLIN, says, state
from tests.smtp_sink import SmtpSink


@pytest.fixture
def chain(make_chain: MakeChain) -> Chain:
    return make_chain(zone=BERLIN)


def suppress(chain: Chain, address: str) -> None:
    chain.suppressions.add(address, "asked to be left alone", source=SuppressionSource.API)


def test_sent(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message, both = chain.submit(), chain.submit("ann@example.com", "bob@example.com")
    chain.turn()

    says(
        chain,
        message,
        "The next server accepted it for its recipient; what happens after that is that server's to say.",
    )
    says(chain, both, "accepted it for all 2 recipients")


def test_some_were_refused(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "550 5.7.1 not from you", when=lambda line: "bob" in line)
    message = chain.submit("ann@example.com", "bob@example.com")
    chain.turn()

    assert state(chain, message) == ("partially_sent", "refused")
    says(
        chain,
        message,
        "accepted 1 of 2 recipients and refused 1",
        "beside its address",
        "those only who did not get it",
    )


def test_it_was_refused_for_good(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("DATA", "554 5.7.1 looks like spam")
    message = chain.submit()
    chain.turn()

    assert state(chain, message) == ("failed", "refused")
    says(
        chain, message, "The server refused it for good: 554 5.7.1 looks like spam.", "Correct what it says, then retry"
    )


def test_it_was_refused_because_nobody_is_there(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user")
    message = chain.submit()
    chain.turn()

    assert state(chain, message) == ("failed", "refused")
    says(
        chain,
        message,
        "no such user (the address is suppressed from now on)",
        "remove it under Suppressions, and retry",
    )


def test_attempts_are_used_up(make_chain: MakeChain, sink: SmtpSink) -> None:
    chain = make_chain(delivery_settings=DeliverySettings(**IMPATIENT, max_attempts=3))
    chain.account(sink)
    sink.reply("RCPT", "452 4.2.2 mailbox full")
    message = chain.submit()
    for _ in range(3):
        chain.turn()
        chain.clock.advance(minutes=10)

    assert state(chain, message) == ("failed", "exhausted")
    says(
        chain,
        message,
        "given up after 3 attempts in 20 minutes",
        "452 4.2.2 mailbox full",
        "Retry it once the cause is",
    )


def test_it_became_too_old(make_chain: MakeChain, sink: SmtpSink) -> None:
    chain = make_chain(delivery_settings=DeliverySettings(**IMPATIENT, max_age_hours=48))
    chain.account(sink)
    sink.reply("RCPT", "452 4.2.2 mailbox full")
    message = chain.submit()
    chain.turn()
    chain.clock.advance(days=2)
    chain.turn()

    assert state(chain, message) == ("failed", "exhausted")
    says(chain, message, "given up after 2 attempts in 2 days")


def test_attempts_are_used_up_for_some(make_chain: MakeChain, sink: SmtpSink) -> None:
    chain = make_chain(delivery_settings=DeliverySettings(**IMPATIENT, max_attempts=1))
    chain.account(sink)
    sink.reply("RCPT", "452 4.2.2 mailbox full", when=lambda line: "bob" in line)
    message = chain.submit("ann@example.com", "bob@example.com")
    chain.turn()

    assert state(chain, message) == ("partially_sent", "exhausted")
    says(chain, message, "accepted 1 of 2 recipients; for the others it was given up after 1 attempt", "Retry it once")


def test_it_expired(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "452 4.2.2 mailbox full")
    message = chain.submit(expires_at=chain.clock() + timedelta(seconds=30))
    chain.turn()
    says(chain, message, "did not succeed: 452 4.2.2 mailbox full.", "before it could be tried again")
    chain.clock.advance(minutes=1)
    chain.outbox.expire()

    assert state(chain, message) == ("failed", "expired")
    says(chain, message, "It expired at 13:00 today (Europe/Berlin) before it could be sent", "Submit it anew")


def test_it_expired_for_some(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "452 4.2.2 mailbox full", when=lambda line: "bob" in line)
    message = chain.submit("ann@example.com", "bob@example.com", expires_at=chain.clock() + timedelta(seconds=30))
    chain.turn()
    chain.clock.advance(minutes=1)
    chain.outbox.expire()

    assert state(chain, message) == ("partially_sent", "expired")
    says(chain, message, "accepted 1 of 2 recipients; for the others it expired", "Submit it anew to them")


def test_all_are_suppressed(chain: Chain) -> None:
    suppress(chain, "ann@example.com")
    message = chain.submit()

    assert state(chain, message) == ("suppressed", "suppressed")
    says(chain, message, "Its recipient is on the suppression list, so nothing was sent: ann@example.com (")
    says(chain, message, "asked to be left alone", "Remove what stands under Suppressions")


def test_some_are_suppressed(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    suppress(chain, "ann@example.com")
    message = chain.submit("ann@example.com", "bob@example.com")
    says(chain, message, "in the outbox", "Of its 2 recipients 1 is suppressed and left out: ann@example.com (")

    chain.turn()

    says(chain, message, "accepted 1 of 2 recipients. Of its 2 recipients 1 is suppressed")


def test_it_was_cancelled(chain: Chain) -> None:
    message = chain.submit()
    chain.messages.cancel(message)

    says(chain, message, "It was cancelled at 13:00 today (Europe/Berlin), before it was sent; submit it anew")


def test_it_was_cancelled_when_some_had_it(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "452 4.2.2 mailbox full", when=lambda line: "bob" in line)
    message = chain.submit("ann@example.com", "bob@example.com")
    chain.turn()
    chain.messages.cancel(message)

    says(chain, message, "when 1 of 2 recipients had it already; submit it anew to the others")


def test_it_cannot_be_written(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = chain.submit(attachments=(StoredFile("a.txt", "text/plain", 5, "0" * 64),))
    chain.turn()

    assert state(chain, message) == ("failed", "invalid")
    says(chain, message, "It could not be written as a message: ", "Send a corrected one")


def test_its_content_is_no_longer_kept(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("DATA", "554 5.7.1 looks like spam")
    message = chain.submit()
    chain.turn()
    chain.database.write(lambda session: remove_bodies(session, [message], now=chain.clock()))

    says(chain, message, "Correct what it says, then submit it anew: its content is not kept.")
    assert "retry" not in chain.explanation(message).lower()
