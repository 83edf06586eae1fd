"""What a server refuses for good comes onto the suppression list, by policy."""

from datetime import datetime, timedelta

import pytest

from appliance.config.settings import DeliverySettings
from appliance.db.models.suppression import SuppressionSource
from appliance.db.queries import suppressions
from tests.services.conftest import IMPATIENT, Chain, MakeChain
from tests.smtp_sink import SmtpSink


def entries(chain: Chain) -> dict[str, tuple[str, str, datetime | None]]:
    with chain.database.read() as session:
        found, _ = suppressions.page(session, now=chain.clock())
    return {one.address: (one.source, one.reason, one.expires_at) for one in found}


def test_hard_refusal_suppresses_the_recipient(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: "Bad" in line)
    message = chain.submit("ann@example.com", "Bad@example.com")

    chain.turn()
    later = chain.submit("bad@example.com")

    until = chain.clock() + timedelta(days=30)
    assert entries(chain) == {
        "bad@example.com": ("refusal", "the server answered 550 5.1.1 no such user", until),
    }
    assert [one.status for one in chain.detail(message).recipients] == ["sent", "failed"]
    assert chain.status(later) == "suppressed"
    assert "suppressed from now on" in chain.detail(message).message.detail


def test_hard_refusal_of_all_suppresses_all(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user")
    chain.submit("bad@example.com", "worse@example.com")

    chain.turn()

    assert set(entries(chain)) == {"bad@example.com", "worse@example.com"}


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("RCPT", "550 5.7.1 blocked by policy"),
        ("RCPT", "550 5.2.1 mailbox disabled"),
        ("RCPT", "552 5.2.2 mailbox full"),
        ("RCPT", "550 mailbox unavailable"),
        ("RCPT", "450 4.1.1 user unknown for now"),
        ("DATA", "550 5.1.1 no such user"),
        ("END_OF_DATA", "550 5.1.1 no such user"),
    ],
)
def test_other_refusals_suppress_nobody(chain: Chain, sink: SmtpSink, command: str, reply: str) -> None:
    chain.account(sink)
    sink.reply(command, reply)
    chain.submit("bad@example.com")

    chain.turn()

    assert entries(chain) == {}


def test_policy_can_be_switched_off(make_chain: MakeChain, sink: SmtpSink) -> None:
    chain = make_chain(delivery_settings=DeliverySettings(suppress_on_hard_refusal=False, **IMPATIENT))
    chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user")
    chain.submit("bad@example.com")

    chain.turn()

    assert entries(chain) == {}


def test_suppression_for_ever_has_no_end(make_chain: MakeChain, sink: SmtpSink) -> None:
    chain = make_chain(delivery_settings=DeliverySettings(suppression_days=0, **IMPATIENT))
    chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user")
    chain.submit("bad@example.com")

    chain.turn()

    assert entries(chain)["bad@example.com"][2] is None


def test_refusal_does_not_shorten_what_a_person_decided(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user")
    chain.submit("bad@example.com")
    [claim] = chain.claim()
    loaded = chain.delivery._load(claim.message_ids, claim.id)[0]
    chain.suppressions.add("bad@example.com", "asked by phone", source=SuppressionSource.MANUAL)

    chain.delivery._deliver_all(loaded, chain.sender(account))

    assert entries(chain) == {"bad@example.com": ("manual", "asked by phone", None)}


def test_second_refusal_starts_the_days_anew(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user")
    chain.submit("bad@example.com")
    chain.turn()
    chain.clock.advance(days=30)

    message = chain.submit("bad@example.com")
    chain.turn()

    assert chain.status(message) == "failed"
    assert entries(chain)["bad@example.com"][2] == chain.clock() + timedelta(days=30)


def test_recipient_refused_while_another_waits_is_suppressed_at_once(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: "bad" in line)
    sink.reply("RCPT", "451 4.2.1 greylisted", when=lambda line: "slow" in line, times=1)
    message = chain.submit("bad@example.com", "slow@example.com")

    chain.turn()
    assert (chain.status(message), set(entries(chain))) == ("deferred", {"bad@example.com"})
    chain.clock.advance(minutes=1)
    chain.turn()

    found = chain.detail(message)
    assert (found.message.status, found.message.reason) == ("partially_sent", "refused")
    assert [one.status for one in found.recipients] == ["failed", "sent"]
