"""Delivery against real SMTP servers on real sockets: what becomes of a message and of each of its recipients."""

from datetime import timedelta
from email import message_from_bytes

from sqlalchemy import select

from appliance.config.settings import DeliverySettings
from appliance.db.models import KeptMail, MessageAttachment
from appliance.db.models.base import insert_rows
from appliance.db.models.message import Priority
from appliance.mail.addresses import Address
from tests.services.conftest import Chain, MakeChain, outcomes
from tests.smtp_sink import SmtpSink


def recipients(chain: Chain, message_id: str) -> dict[str, tuple[str, int | None]]:
    return {one.email: (one.status, one.reply_code) for one in chain.detail(message_id).recipients}


def test_accepted_message_is_sent_with_its_attempt_recorded(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    message = chain.submit("ann@example.com", "bob@example.com")

    chain.turn()

    found = chain.detail(message)
    assert (found.message.status, found.message.attempts, found.message.claim_id) == ("sent", 1, None)
    assert found.message.finished_at == chain.clock()
    assert recipients(chain, message) == {"ann@example.com": ("sent", 250), "bob@example.com": ("sent", 250)}
    assert [(one.account_id, one.account_name, one.outcome) for one in found.attempts] == [(account, "Shop", "sent")]
    assert found.attempts[0].server == f"127.0.0.1:{sink.port}"
    assert [one.rcpt_to for one in sink.messages] == [("ann@example.com", "bob@example.com")]
    assert chain.sent_today(account) == 1


def test_bytes_on_the_wire_are_the_message_without_its_bcc(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink, name="Shop", email="shop@example.com")
    message = chain.submit("ann@example.com", bcc=(Address("secret@example.com", "Hidden Person"),), html="<p>Hi</p>")

    chain.turn()

    received = sink.messages[0]
    parsed = message_from_bytes(received.data)
    assert received.rcpt_to == ("ann@example.com", "secret@example.com")
    assert b"secret@example.com" not in received.data
    assert b"Hidden" not in received.data
    assert parsed["From"] == "Shop <shop@example.com>"
    assert parsed["To"] == "ann@example.com"
    assert parsed["Message-ID"] == chain.detail(message).message.rfc_message_id
    assert [part.get_content_type() for part in parsed.walk()] == ["multipart/alternative", "text/plain", "text/html"]


def test_address_named_twice_gets_one_copy(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = chain.submit("ann@example.com", cc=(Address("ann@example.com"),))

    chain.turn()

    assert sink.messages[0].rcpt_to == ("ann@example.com",)
    assert [one.status for one in chain.detail(message).recipients] == ["sent", "sent"]


def test_some_refused_for_good_is_partially_sent(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: "bad" in line)
    message = chain.submit("ann@example.com", "bad@example.com")

    chain.turn()

    assert chain.status(message) == "partially_sent"
    assert recipients(chain, message) == {"ann@example.com": ("sent", 250), "bad@example.com": ("failed", 550)}
    assert outcomes(chain, message) == ["partial"]
    assert chain.sent_today(account) == 1


def test_recipient_refused_for_now_is_tried_again_alone(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("RCPT", "451 4.2.1 greylisted", when=lambda line: "slow" in line, times=1)
    message = chain.submit("ann@example.com", "slow@example.com")
    chain.turn()
    assert (chain.status(message), recipients(chain, message)["slow@example.com"]) == ("deferred", ("pending", 451))

    chain.clock.advance(minutes=1)
    chain.turn()

    assert chain.status(message) == "sent"
    assert [one.rcpt_to for one in sink.messages] == [("ann@example.com",), ("slow@example.com",)]
    assert sink.messages[0].message_id == sink.messages[1].message_id
    assert chain.sent_today(account) == sink.count == 2


def test_recipients_refused_in_different_ways_each_have_their_own_outcome(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: "bad" in line)
    sink.reply("RCPT", "451 4.2.1 greylisted", when=lambda line: "slow" in line)
    message = chain.submit("bad@example.com", "slow@example.com", "ann@example.com")

    chain.turn()

    assert chain.status(message) == "deferred"
    assert recipients(chain, message) == {
        "bad@example.com": ("failed", 550),
        "slow@example.com": ("pending", 451),
        "ann@example.com": ("sent", 250),
    }


def test_all_refused_for_good_is_failed_and_costs_no_quota(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user")
    message = chain.submit("bad@example.com", "worse@example.com")

    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason) == ("failed", "refused")
    assert "550 5.1.1 no such user" in found.detail
    assert chain.sent_today(account) == sink.count == 0
    assert chain.sender(account).breaker_failures == 0


def test_refused_content_is_failed_for_every_recipient(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("END_OF_DATA", "554 5.7.1 spam")
    message = chain.submit("ann@example.com", "bob@example.com")

    chain.turn()

    assert chain.status(message) == "failed"
    assert recipients(chain, message) == {"ann@example.com": ("failed", 554), "bob@example.com": ("failed", 554)}


def test_temporary_failure_is_retried_after_backoff(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("END_OF_DATA", "451 4.3.0 try later", times=2)
    message = chain.submit()
    waits = []
    for _ in range(2):
        chain.turn()
        found = chain.detail(message).message
        assert (found.status, found.reason, chain.sent_today(account)) == ("deferred", "temporary", 0)
        assert found.due_at is not None
        waits.append(found.due_at - chain.clock())
        chain.clock.now = found.due_at - timedelta(seconds=1)
        chain.turn()
        assert chain.status(message) == "deferred"
        chain.clock.now = found.due_at

    chain.turn()

    assert waits == [timedelta(minutes=1), timedelta(minutes=5)]
    assert chain.status(message) == "sent"
    assert [(one.number, one.outcome) for one in chain.detail(message).attempts] == [
        (1, "deferred"),
        (2, "deferred"),
        (3, "sent"),
    ]


def test_message_is_given_up_after_its_last_attempt(make_chain: MakeChain, sink: SmtpSink) -> None:
    chain = make_chain(delivery_settings=DeliverySettings(max_attempts=2, retry_seconds=(60,)))
    account = chain.account(sink)
    sink.reply("RCPT", "451 4.2.1 try later")
    message = chain.submit()
    chain.turn()

    chain.clock.advance(minutes=1)
    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason, found.attempts, found.due_at) == ("failed", "exhausted", 2, None)
    assert recipients(chain, message) == {"ann@example.com": ("failed", 451)}
    assert chain.sent_today(account) == 0


def test_message_that_cannot_be_composed_fails_alone(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    broken, good = chain.submit(), chain.submit("bob@example.com")
    attachment = {"filename": "a.pdf", "content_type": "application/pdf", "size": 1, "sha256": "ab" * 32}
    chain.database.write(lambda session: insert_rows(session, MessageAttachment, {"message_id": broken, **attachment}))

    chain.deliver(chain.claim(slots=1)[0])

    found = chain.detail(broken).message
    assert (found.status, found.reason) == ("failed", "invalid")
    assert "Send the message anew" in found.detail
    assert chain.status(good) == "sent"
    assert chain.sent_today(account) == sink.count == 1


def test_mail_goes_to_the_built_in_mailbox_while_there_is_no_account(chain: Chain) -> None:
    message = chain.submit("ann@example.com")

    chain.turn()

    with chain.database.read() as session:
        kept = session.scalars(select(KeptMail)).one()
    assert chain.status(message) == "sent"
    assert (kept.rcpt_to, kept.rfc_message_id) == (["ann@example.com"], chain.detail(message).message.rfc_message_id)


def test_high_priority_goes_first(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    chain.submit("slow@example.com", priority=Priority.LOW)
    chain.submit("usual@example.com")
    chain.submit("urgent@example.com", priority=Priority.HIGH)

    chain.turn()

    assert [one.rcpt_to[0] for one in sink.messages] == ["urgent@example.com", "usual@example.com", "slow@example.com"]
