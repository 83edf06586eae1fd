"""What the tests of the mail layer share: a sink, and settings that lose patience within fractions of a second."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from appliance.config.settings import DeliverySettings
from appliance.mail.smtp import SmtpServer, SmtpTransport
from appliance.mail.transport import Envelope
from tests.smtp_sink import SmtpSink


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
def impatient() -> DeliverySettings:
    return DeliverySettings(connect_timeout=0.4, command_timeout=0.4, data_timeout=0.4)


@pytest.fixture
def transport_to(impatient: DeliverySettings) -> Iterator[Callable[..., SmtpTransport]]:
    """Makes transports to a sink and closes them at the end: `transport_to(sink, security="tls", username="u")`."""
    made: list[SmtpTransport] = []

    def make(sink: SmtpSink, *, settings: DeliverySettings = impatient, **options: Any) -> SmtpTransport:
        chosen = {"host": "127.0.0.1", "port": sink.port, "security": "none", **options}
        tls_context = chosen.pop("tls_context", None)
        extra = {name: chosen.pop(name) for name in ("monotonic", "look_up") if name in chosen}
        transport = SmtpTransport(SmtpServer(**chosen), settings, "box.example", tls_context=tls_context, **extra)
        made.append(transport)
        return transport

    yield make
    for transport in made:
        transport.close()


def envelope(*rcpt_to: str, **overrides: Any) -> Envelope:
    """A small valid message; `envelope("ann@example.com", data=b"...")` names what matters."""
    fields = {
        "mail_from": "shop@example.com",
        "rcpt_to": rcpt_to or ("ann@example.com",),
        "data": b"From: shop@example.com\r\nMessage-ID: <1@example.com>\r\nSubject: Hello\r\n\r\nHello Ann\r\n",
        "message_id": "<1@example.com>",
        "subject": "Hello",
    }
    return Envelope(**{**fields, **overrides})
