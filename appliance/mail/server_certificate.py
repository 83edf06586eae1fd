"""How long the certificate of an SMTP server is valid."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime

from appliance.config.settings import DeliverySettings
from appliance.mail.smtp_opening import SmtpServer, open_wire
from appliance.mail.smtp_wire import LookUp, look_up


def valid_until(
    server: SmtpServer, settings: DeliverySettings, hostname: str, tls: ssl.SSLContext, look_up: LookUp = look_up
) -> datetime | None:
    """Connects as sending does, without a login. None: it is not encrypted.

    Raises:
        AccountTransportError: it does not answer, or its certificate is not good even now.
    """
    wire = open_wire(replace(server, username="", password=""), settings, hostname, tls, look_up=look_up)
    try:
        certificate = wire.sock.getpeercert() if isinstance(wire.sock, ssl.SSLSocket) else None
    finally:
        wire.close()
    if not certificate:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
