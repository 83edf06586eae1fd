"""Security and logins: what is required is required, and nothing secret goes out before it is safe."""

import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest

from appliance.config.settings import DeliverySettings
from appliance.mail.smtp import SmtpTransport, system_tls
from appliance.mail.transport import AccountTransportError, Stage
from tests.mail.conftest import envelope
from tests.smtp_sink import SmtpSink

MakeTransport = Callable[..., SmtpTransport]
LOGIN = {"username": "shop", "password": "s3cret"}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_message_goes_out_encrypted_and_logged_in(transport_to: MakeTransport, security: str, host: str) -> None:
    with SmtpSink(starttls=security == "starttls", implicit_tls=security == "tls", users={"shop": "s3cret"}) as sink:
        transport = transport_to(sink, security=security, host=host, tls_context=sink.client_context, **LOGIN)
        transport.send(envelope())

        assert (sink.messages[0].encrypted, sink.messages[0].user) == (True, "shop")


def test_system_context_checks_certificates_and_host_names_with_tls_1_2_at_least() -> None:
    context = system_tls()

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_starttls_that_is_not_offered_sends_nothing(sink: SmtpSink, transport_to: MakeTransport) -> None:
    with pytest.raises(AccountTransportError, match="does not offer STARTTLS") as raised:
        transport_to(sink, security="starttls", **LOGIN).send(envelope())

    assert raised.value.stage is Stage.STARTTLS
    assert [command.split()[0] for command in sink.commands] == ["EHLO"]


@pytest.mark.parametrize("reply", ["454 4.7.0 TLS not available", "502 5.5.1 no"])
def test_starttls_that_is_refused_sends_nothing(transport_to: MakeTransport, reply: str) -> None:
    with SmtpSink(starttls=True, users={"shop": "s3cret"}) as sink:
        sink.reply("STARTTLS", reply)

        with pytest.raises(AccountTransportError, match="refused STARTTLS"):
            transport_to(sink, security="starttls", tls_context=sink.client_context, **LOGIN).send(envelope())

        assert not any(command.startswith(("AUTH", "MAIL")) for command in sink.commands)


def test_reply_injected_before_tls_is_not_believed(transport_to: MakeTransport) -> None:
    with SmtpSink(starttls=True) as sink:
        sink.raw("STARTTLS", b"220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n")

        with pytest.raises(AccountTransportError, match="only an attacker would do"):
            transport_to(sink, security="starttls", tls_context=sink.client_context, **LOGIN).send(envelope())


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_untrusted_certificate_is_refused_before_the_login(transport_to: MakeTransport, security: str) -> None:
    with SmtpSink(starttls=security == "starttls", implicit_tls=security == "tls", users={"shop": "s3cret"}) as sink:
        with pytest.raises(AccountTransportError, match=r"certificate of 127\.0\.0\.1 is not trusted: self-signed"):
            transport_to(sink, security=security, **LOGIN).send(envelope())

        assert not any(command.startswith("AUTH") for command in sink.commands)


def test_certificate_for_another_host_is_refused(transport_to: MakeTransport) -> None:
    with SmtpSink(implicit_tls=True, host="127.0.0.2") as sink:
        transport = transport_to(sink, security="tls", host="127.0.0.2", tls_context=sink.client_context)

        with pytest.raises(AccountTransportError, match="IP address mismatch"):
            transport.send(envelope())


def test_tls_to_a_server_that_speaks_in_clear_names_the_remedy(sink: SmtpSink, transport_to: MakeTransport) -> None:
    with pytest.raises(AccountTransportError, match="use STARTTLS"):
        transport_to(sink, security="tls").send(envelope())


def test_clear_to_a_server_that_waits_for_tls_names_the_remedy(transport_to: MakeTransport) -> None:
    with SmtpSink(implicit_tls=True) as sink, pytest.raises(AccountTransportError, match="waits for TLS"):
        transport_to(sink).send(envelope())


@pytest.mark.parametrize(
    "script", [lambda s: s.hang("CONNECT"), lambda s: s.trickle("CONNECT", b"\x16\x03\x03\x40\x00" + b"x" * 200, 0.05)]
)
def test_handshake_that_never_ends_is_given_up(transport_to: MakeTransport, script: Callable[[SmtpSink], None]) -> None:
    with SmtpSink() as sink:
        script(sink)
        with pytest.raises(AccountTransportError, match=r"did not finish the TLS handshake in 0\.4 s"):
            transport_to(sink, security="tls").send(envelope())


def test_host_that_has_no_address_is_named(sink: SmtpSink, transport_to: MakeTransport) -> None:
    with pytest.raises(AccountTransportError, match=r"The name mail\.invalid cannot be resolved") as raised:
        transport_to(sink, host="mail.invalid").send(envelope())

    assert raised.value.stage is Stage.CONNECT


def test_name_that_is_not_resolved_in_time_is_an_account_error(sink: SmtpSink, transport_to: MakeTransport) -> None:
    def look_up(_host: str, _port: int, _seconds: float) -> Any:
        raise TimeoutError

    with pytest.raises(AccountTransportError, match=r"mail\.example was not resolved within 0\.4 s") as raised:
        transport_to(sink, host="mail.example", look_up=look_up).send(envelope())

    assert raised.value.stage is Stage.CONNECT


def test_what_the_look_up_took_is_not_there_for_connecting_any_more(
    sink: SmtpSink, transport_to: MakeTransport
) -> None:
    def look_up(_host: str, port: int, seconds: float) -> Any:
        time.sleep(seconds)
        return socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)

    with pytest.raises(AccountTransportError, match=r"did not answer within 0\.4 s"):
        transport_to(sink, host="mail.example", look_up=look_up).send(envelope())

    assert sink.connections == 0


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example", "bad host"])
def test_host_that_is_no_name_is_an_account_error(sink: SmtpSink, transport_to: MakeTransport, host: str) -> None:
    with pytest.raises(AccountTransportError):
        transport_to(sink, host=host).send(envelope())


def test_server_that_knows_only_helo_is_served(sink: SmtpSink, transport_to: MakeTransport) -> None:
    sink.reply("EHLO", "502 5.5.1 what?")

    transport_to(sink).send(envelope())

    assert sink.messages[0].parameters == ""


def test_server_that_knows_only_helo_gets_no_login(sink: SmtpSink, transport_to: MakeTransport) -> None:
    sink.reply("EHLO", "502 5.5.1 what?")

    with pytest.raises(AccountTransportError, match="offers no login"):
        transport_to(sink, **LOGIN).send(envelope())


def test_opening_has_one_deadline_however_its_steps_are_spread(transport_to: MakeTransport) -> None:
    with SmtpSink(users={"u": "p"}, auth="LOGIN") as guarded:
        guarded.delay("EHLO", 0.3)
        guarded.delay("AUTH", 0.3)
        settings = DeliverySettings(transaction_seconds=0.5)

        with pytest.raises(AccountTransportError, match=r"was not done within 0\.5 s at AUTH"):
            transport_to(guarded, settings=settings, username="u", password="p").send(envelope())
