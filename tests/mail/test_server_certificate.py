"""The end of a server's certificate is read as mail is sent: on both kinds of TLS, and only where it is good."""

import ssl
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from appliance.config.settings import DeliverySettings
from appliance.mail.server_certificate import valid_until
from appliance.mail.smtp_opening import SmtpServer
from appliance.mail.transport import AccountTransportError
from tests.smtp_sink import SmtpSink

SETTINGS = DeliverySettings(connect_timeout=5, command_timeout=5)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_the_end_of_the_certificate_is_known_without_a_login(security: Literal["tls", "starttls"]) -> None:
    users = {"shop": "the secret of shop"}
    with SmtpSink(users=users, implicit_tls=security == "tls", starttls=security == "starttls") as sink:
        server = SmtpServer("localhost", sink.port, security, "shop", "a wrong password")

        until = valid_until(server, SETTINGS, "box.example", sink.client_context)

    assert until is not None
    assert timedelta(hours=23) < until - datetime.now(UTC) < timedelta(hours=25)


def test_without_encryption_there_is_none() -> None:
    with SmtpSink() as sink:
        server = SmtpServer("localhost", sink.port, "none")

        assert valid_until(server, SETTINGS, "box.example", sink.client_context) is None


def test_a_certificate_that_is_not_trusted_is_an_error() -> None:
    with SmtpSink(implicit_tls=True) as sink, pytest.raises(AccountTransportError, match="is not trusted"):
        valid_until(SmtpServer("localhost", sink.port, "tls"), SETTINGS, "box.example", ssl.create_default_context())
