"""From a host name to a connection that takes messages: connect, greet, encrypt, log in.

Whatever goes wrong here is the account's error: no message has been offered yet, and another account may fare better.
"""

import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from appliance.config.settings import DeliverySettings
from appliance.mail import smtp_words as words
from appliance.mail.smtp_auth import log_in
from appliance.mail.smtp_wire import Address, ConnectionLost, Dialogue, LookUp, Wire, look_up
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
    look_up: LookUp = look_up,
) -> Wire:
    """A wire that is ready for MAIL. Raises AccountTransportError, with the connection closed."""
    wire = Wire(hostname, settings.command_timeout, dialogue)
    opening = _Opening(server, settings, wire, tls, look_up)
    try:
        wire.allow(settings.transaction_seconds)
        opening.run()
        wire.allow(None)
    except BaseException:
        wire.close()
        raise
    return wire


class _Opening:
    def __init__(
        self, server: SmtpServer, settings: DeliverySettings, wire: Wire, tls: ssl.SSLContext, look_up: LookUp
    ) -> None:
        self._server = server
        self._settings = settings
        self._wire = wire
        self._tls = tls
        self._look_up = look_up
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
            self._fail(words.LOST, what=lost.reason, place=self._hint(lost) or self._stage.place)

    def _connect(self) -> None:
        deadline = time.monotonic() + self._settings.connect_timeout
        addresses = self._addresses()
        try:
            self._wire.reach(str(self._server), addresses, deadline)
        except TimeoutError:
            self._fail(words.NO_ANSWER, seconds=f"{self._settings.connect_timeout:g}")
        except OSError as error:
            self._fail(words.NO_CONNECTION, reason=error.strerror or error)
        if self._server.security == "tls":
            self._encrypt()

    def _addresses(self) -> Sequence[Address]:
        host, seconds = self._server.host, self._settings.connect_timeout
        try:
            return self._look_up(host, self._server.port, seconds)
        except TimeoutError:
            self._fail(words.NAME_TOO_SLOW, seconds=f"{seconds:g}")
        except (OSError, UnicodeError, OverflowError) as error:
            self._fail(words.UNKNOWN_NAME, reason=getattr(error, "strerror", None) or error)

    def _await_greeting(self) -> None:
        self._stage = Stage.GREETING
        self._wire.patience = self._settings.connect_timeout
        reply = Reply.of(*self._wire.getreply())
        self._wire.patience = self._settings.command_timeout
        if reply.code != 220:
            self._fail(words.CONNECTION_REFUSED, reply)

    def _introduce(self) -> None:
        """EHLO, or HELO for a server that knows no better; what security needs is then missing, and said."""
        self._stage = Stage.EHLO
        reply = self._said(self._wire.ehlo)
        if (reply.code or 0) >= 500:
            reply = self._said(self._wire.helo)
        if reply.code != 250:
            self._fail(words.EHLO_REFUSED, reply, name=self._wire.local_hostname)

    def _start_tls(self) -> None:
        self._stage = Stage.STARTTLS
        if not self._wire.has_extn("starttls"):
            self._fail(words.NO_STARTTLS)
        reply = Reply.of(*self._wire.docmd("STARTTLS"))
        if reply.code != 220:
            self._fail(words.STARTTLS_REFUSED, reply)
        self._encrypt()
        # What was said before TLS is forgotten (RFC 3207 section 4.2).
        self._wire.esmtp_features = {}

    def _encrypt(self) -> None:
        try:
            self._wire.encrypt(self._tls, self._server.host, self._settings.connect_timeout)
        except ssl.SSLCertVerificationError as error:
            self._fail(words.NOT_TRUSTED, reason=error.verify_message.rstrip("."))
        except TimeoutError:
            self._fail(words.HANDSHAKE_TOO_SLOW, seconds=f"{self._settings.connect_timeout:g}")
        except ssl.SSLError as error:
            self._fail(self._no_common_tls(error), reason=_reason(error))
        except (OSError, ValueError) as error:
            self._fail(words.HANDSHAKE_FAILED, reason=getattr(error, "strerror", None) or error)

    def _log_in(self) -> None:
        self._stage = Stage.AUTH
        code, text = log_in(self._wire, self._server.username, self._server.password)
        if not code:
            self._fail(words.NO_KNOWN_LOGIN)
        if code != 235:
            self._fail(words.LOGIN_REFUSED, Reply.of(code, text))

    def _said(self, command: Callable[[], tuple[int, bytes]]) -> Reply:
        return Reply.of(*command())

    def _hint(self, lost: ConnectionLost) -> str:
        """Silence instead of a greeting is mostly a server that waits for TLS."""
        if self._stage is Stage.GREETING and self._server.security != "tls" and lost.is_silence:
            return words.WAITS_FOR_TLS
        return ""

    def _no_common_tls(self, error: ssl.SSLError) -> str:
        if self._server.security == "tls" and error.reason == "WRONG_VERSION_NUMBER":
            return words.NO_TLS_FROM_THE_START
        return words.NO_COMMON_TLS

    def _fail(self, sentence: str, reply: Reply = SILENCE, **facts: object) -> NoReturn:
        """`sentence` is one of `smtp_words`."""
        server = str(self._server)
        message = sentence % {"host": self._server.host, "server": server, "reply": reply, **facts}
        raise AccountTransportError(message, stage=self._stage, server=server, reply=reply)


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or error.strerror or str(error)).replace("_", " ").lower()
