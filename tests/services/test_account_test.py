from datetime import timedelta

import pytest

from appliance.db.models import SenderAccount
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.errors import InvalidInput, NotFound
from appliance.services.account_test import AccountTest
from tests.services.conftest import Chain
from tests.smtp_sink import SmtpSink


@pytest.fixture
def recoveries() -> list[str]:
    return []


@pytest.fixture
def account_test(chain: Chain, recoveries: list[str]) -> AccountTest:
    return AccountTest(
        chain.database,
        chain.transports,
        hostname="box.example",
        clock=chain.clock,
        on_recovery=lambda: recoveries.append("recovered"),
    )


def test_login_is_tried_and_told_without_the_password(chain: Chain, account_test: AccountTest) -> None:
    with SmtpSink(users={"shop": "s3cret-pass"}) as sink:
        account = chain.account(sink, username="shop", password="s3cret-pass")

        report = account_test.run(account)

        assert (report.ok, report.message, sink.count) == (True, "The server accepted the login.", 0)
    dialogue = "\n".join(report.dialogue)
    assert "EHLO box.example" in dialogue
    assert "AUTH" in dialogue
    assert "s3cret-pass" not in dialogue
    assert "AHNob3AAczNjcmV0LXBhc3M" not in dialogue  # the same in base 64


def test_refused_login_says_what_the_server_said(chain: Chain, account_test: AccountTest) -> None:
    with SmtpSink(users={"shop": "right"}) as sink:
        account = chain.account(sink, username="shop", password="wrong-pass")

        report = account_test.run(account)

    assert not report.ok
    assert "535" in report.message
    assert "wrong-pass" not in report.message + "".join(report.dialogue)


def test_message_is_sent_when_an_address_is_given(chain: Chain, account_test: AccountTest, sink: SmtpSink) -> None:
    account = chain.account(sink)

    report = account_test.run(account, " ann@example.com ")

    assert report.ok
    assert "accepted a test message for ann@example.com" in report.message
    assert (sink.messages[0].mail_from, sink.messages[0].rcpt_to) == ("shop@example.com", ("ann@example.com",))
    assert chain.sent_today(account) == 0


def test_refused_recipient_is_told(chain: Chain, account_test: AccountTest, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user")

    report = account_test.run(account, "ann@example.com")

    assert not report.ok
    assert "550 5.1.1 no such user" in report.message


def test_server_that_is_not_there_is_told(chain: Chain, account_test: AccountTest) -> None:
    with SmtpSink() as sink:
        account = chain.account(sink)

    report = account_test.run(account)

    assert not report.ok
    assert "127.0.0.1" in report.message


def test_unreadable_password_is_told(chain: Chain, account_test: AccountTest, sink: SmtpSink) -> None:
    account = chain.account(sink, username="u", password="secret")
    chain.database.write(lambda s: setattr(s.get(SenderAccount, account), "password_encrypted", "rubbish"))

    report = account_test.run(account)

    assert not report.ok
    assert "enter the secret again" in report.message


def test_success_closes_the_breaker_and_says_so(
    chain: Chain, account_test: AccountTest, sink: SmtpSink, recoveries: list[str]
) -> None:
    account = chain.account(sink)
    until = chain.clock() + timedelta(minutes=5)
    chain.database.write(lambda s: setattr(s.get(SenderAccount, account), "breaker_until", until))

    account_test.run(account)
    account_test.run(account)

    assert (chain.sender(account).breaker_until, recoveries) == (None, ["recovered"])


def test_failure_leaves_the_breaker(chain: Chain, account_test: AccountTest, sink: SmtpSink) -> None:
    account = chain.account(sink)
    until = chain.clock() + timedelta(minutes=5)
    chain.database.write(lambda s: setattr(s.get(SenderAccount, account), "breaker_until", until))
    sink.reply("EHLO", "554 go away")
    sink.reply("HELO", "554 go away")

    assert not account_test.run(account).ok
    assert chain.sender(account).breaker_until == until


def test_mailbox_keeps_the_test_message(chain: Chain, account_test: AccountTest) -> None:
    assert account_test.run(BUILT_IN_MAILBOX_ID).message == "The mailbox works."
    assert account_test.run(BUILT_IN_MAILBOX_ID, "ann@example.com").ok
    assert chain.mailbox.empty() == 1


def test_unknown_account_and_wrong_address_are_refused(chain: Chain, account_test: AccountTest) -> None:
    with pytest.raises(NotFound):
        account_test.run("acc_none")
    with pytest.raises(InvalidInput):
        account_test.run(BUILT_IN_MAILBOX_ID, "no address")
