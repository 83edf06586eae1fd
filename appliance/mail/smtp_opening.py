"""From a host name to a connection that takes messages: connect, greet, encrypt, log in.

Whatever goes wrong here is the account's error: no message has been offered yet, and another account may fare better.
"""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from appliance.config.settings import DeliverySettings
from appliance.mail.smtp_auth import log_in
from appliance.mail.smtp_wire import ConnectionLost, Dialogue, Wire
from appliance.mail.transport import SILENCE, AccountTransportError, Reply, Stage


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where a sender account hands its messages in. STARTTLS that is asked for is required: never a fall-back to clear.

    With `none` a login goes in clear as well, if there is one: whoever set up the account chose that.
    """

    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    username: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def open_wire(
    server: SmtpServer,
    settings: DeliverySettings,
    hostname: str,
    tls: ssl.SSLContext,
    dialogue: Dialogue | None = None,
) -> Wire:
    """A wire that is ready for MAIL. Raises AccountTransportError, with the connection closed."""
    wire = Wire(hostname, settings.command_timeout, dialogue)
    opening = _Opening(server, settings, wire, tls)
    try:
        wire.allow(settings.transaction_seconds)
        opening.run()
        wire.allow(None)
    except BaseException:
        wire.close()
        raise
    return wire


class _Opening:
    def __init__(self, server: SmtpServer, settings: DeliverySettings, wire: Wire, tls: ssl.SSLContext) -> None:
        self._server = server
        self._settings = settings
        self._wire = wire
        self._tls = tls
        self._stage = Stage.CONNECT

    def run(self) -> None:
        try:
            self._connect()
            self._await_greeting()
            self._introduce()
            if self._server.security == "starttls":
                self._start_tls()
                self._introduce()
            if self._server.username:
                self._log_in()
        except ConnectionLost as lost:
            self._fail(f"{self._name} {lost.reason}{self._hint(lost) or self._stage.place}.")

    def _connect(self) -> None:
        try:
            self._wire.reach(self._server.host, self._server.port, self._settings.connect_timeout)
        except socket.gaierror as error:
            self._fail(f"The name {self._server.host} cannot be resolved: {error.strerror}. Check the host.")
        except TimeoutError:
            self._fail(f"{self._server} did not answer within {self._settings.connect_timeout:g} s.")
        except (OSError, UnicodeError, OverflowError) as error:
            self._fail(f"Cannot connect to {self._server}: {getattr(error, 'strerror', None) or error}.")
        if self._server.security == "tls":
            self._encrypt()

    def _await_greeting(self) -> None:
        self._stage = Stage.GREETING
        self._wire.patience = self._settings.connect_timeout
        reply = Reply.of(*self._wire.getreply())
        self._wire.patience = self._settings.command_timeout
        if reply.code != 220:
            self._fail(f"{self._name} refused the connection: {reply}", reply)

    def _introduce(self) -> None:
        """EHLO, or HELO for a server that knows no better; what security needs is then missing, and said."""
        self._stage = Stage.EHLO
        reply = self._said(self._wire.ehlo)
        if (reply.code or 0) >= 500:
            reply = self._said(self._wire.helo)
        if reply.code != 250:
            self._fail(f"{self._name} refused EHLO {self._wire.local_hostname}: {reply}", reply)

    def _start_tls(self) -> None:
        self._stage = Stage.STARTTLS
        if not self._wire.has_extn("starttls"):
            self._fail(
                f"{self._name} does not offer STARTTLS, and the account requires it: nothing was sent. "
                "Use security 'tls' (mostly port 465), or 'none' on a network that you trust."
            )
        reply = Reply.of(*self._wire.docmd("STARTTLS"))
        if reply.code != 220:
            self._fail(f"{self._name} refused STARTTLS: {reply}", reply)
        self._encrypt()
        # What was said before TLS is forgotten (RFC 3207 section 4.2).
        self._wire.esmtp_features = {}

    def _encrypt(self) -> None:
        try:
            self._wire.encrypt(self._tls, self._server.host, self._settings.connect_timeout)
        except ssl.SSLCertVerificationError as error:
            self._fail(f"The certificate of {self._name} is not trusted: {error.verify_message.rstrip('.')}.")
        except TimeoutError:
            self._fail(f"{self._name} did not finish the TLS handshake in {self._settings.connect_timeout:g} s.")
        except ssl.SSLError as error:
            self._fail(f"{self._name} and this machine found no common TLS: {_reason(error)}.{self._tls_hint(error)}")
        except (OSError, ValueError) as error:
            self._fail(f"The TLS handshake with {self._name} failed: {getattr(error, 'strerror', None) or error}.")

    def _log_in(self) -> None:
        self._stage = Stage.AUTH
        code, text = log_in(self._wire, self._server.username, self._server.password)
        if not code:
            self._fail(
                f"{self._name} offers no login that is known here (AUTH PLAIN, LOGIN or CRAM-MD5). "
                "Use its submission port (587 or 465), or remove the user name."
            )
        if code != 235:
            reply = Reply.of(code, text)
            self._fail(f"{self._name} refused the login: {reply}", reply)

    @property
    def _name(self) -> str:
        return self._server.host

    def _said(self, command: Callable[[], tuple[int, bytes]]) -> Reply:
        return Reply.of(*command())

    def _hint(self, lost: ConnectionLost) -> str:
        """Silence instead of a greeting is mostly a server that waits for TLS."""
        if self._stage is Stage.GREETING and self._server.security != "tls" and "did not answer" in lost.reason:
            return " after the connection was made; a server on port 465 waits for security 'tls'"
        return ""

    def _tls_hint(self, error: ssl.SSLError) -> str:
        if self._server.security == "tls" and error.reason == "WRONG_VERSION_NUMBER":
            return " It does not speak TLS from the start: use security 'starttls' (mostly port 587)."
        return ""

    def _fail(self, message: str, reply: Reply = SILENCE) -> NoReturn:
        raise AccountTransportError(message, stage=self._stage, server=str(self._server), reply=reply)


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or error.strerror or str(error)).replace("_", " ").lower()
