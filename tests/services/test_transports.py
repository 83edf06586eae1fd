from typing import Any

import pytest

from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.mail.mailbox import MailboxTransport
from appliance.mail.transport import AccountTransportError
from tests.services.conftest import Chain
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until


def test_unchanged_account_keeps_its_transport(chain: Chain) -> None:
    account = chain.account()
    first = chain.transports.of(chain.sender(account))

    chain.accounts.change(account, {"name": "Other name", "daily_limit": 5})

    assert chain.transports.of(chain.sender(account)) is first


@pytest.mark.parametrize(
    "change",
    [
        {"host": "localhost"},
        {"port": 10},
        {"security": "tls"},
        {"username": "other", "password": "secret"},
        {"password": "changed"},
        {"transport": "mailbox"},
    ],
)
def test_changed_server_or_login_makes_a_new_transport(chain: Chain, change: dict[str, Any]) -> None:
    account = chain.account(username="u", password="secret")
    first = chain.transports.of(chain.sender(account))

    chain.accounts.change(account, change)

    assert chain.transports.of(chain.sender(account)) is not first


def test_connections_of_the_old_server_are_closed(chain: Chain, sink: SmtpSink, other_sink: SmtpSink) -> None:
    account = chain.account(sink)
    chain.submit()
    chain.turn()
    assert sink.open_connections == 1

    chain.accounts.change(account, {"port": other_sink.port})
    chain.submit()
    chain.turn()

    wait_until(lambda: sink.open_connections == 0)
    assert (sink.count, other_sink.count) == (1, 1)


def test_connection_is_kept_from_message_to_message_and_closed_at_the_end(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    for _ in range(5):
        chain.submit()
        chain.turn()
    assert (sink.count, sink.connections) == (5, 1)

    chain.transports.close()
    chain.transports.close()

    wait_until(lambda: sink.open_connections == 0)


def test_mailbox_account_has_a_mailbox_transport(chain: Chain) -> None:
    assert isinstance(chain.transports.of(chain.sender(BUILT_IN_MAILBOX_ID)), MailboxTransport)


def test_password_of_another_key_is_an_error_of_the_account(chain: Chain) -> None:
    account = chain.sender(chain.account(username="u", password="secret"))
    account.password_encrypted = "rubbish"

    with pytest.raises(AccountTransportError, match="encrypted with another key"):
        chain.transports.of(account)
