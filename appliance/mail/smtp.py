"""The SMTP transport of one sender account: kept connections, each used by one message at a time.

A connection that was kept may have died meanwhile. That shows at MAIL, before anything was handed over, and a fresh one
takes its place within the same send.
"""

import re
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import structlog

from appliance.config.settings import DeliverySettings
from appliance.mail.smtp_connection import CLOSING, SmtpConnection
from appliance.mail.smtp_opening import SmtpServer, open_wire
from appliance.mail.smtp_wire import Dialogue, LookUp, look_up
from appliance.mail.transport import (
    Envelope,
    Reply,
    SendResult,
    Stage,
    TransportError,
)

__all__ = ["Dialogue", "SmtpServer", "SmtpTransport", "Statistics"]

log = structlog.get_logger(__name__)

_GOODBYE_SECONDS = 2.0
_SMOOTHING = 0.2
_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Za-z.:]+\]")


@dataclass(slots=True)
class Statistics:
    """`average_seconds` leans to the recent sends (each counts a fifth); refused messages count, they took time too."""

    sends: int = 0
    connections: int = 0
    last_seconds: float = 0.0
    average_seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.average_seconds += (seconds - self.average_seconds) * (_SMOOTHING if self.sends else 1.0)
        self.last_seconds = seconds
        self.sends += 1


class SmtpTransport:
    """Safe under many greenlets and threads: the pool is a deque, whose ends are atomic; newest is used first.

    How many connections are open at once is how many sends run at once; the pool itself sets no limit.
    """

    def __init__(
        self,
        server: SmtpServer,
        settings: DeliverySettings,
        hostname: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        tls_context: ssl.SSLContext | None = None,
        look_up: LookUp = look_up,
    ) -> None:
        """`hostname` is said in EHLO. `tls_context` replaces the system's certificate authorities, TLS 1.2 or newer."""
        self._server = server
        self._settings = settings
        self._hostname = hostname if _HOST_NAME.fullmatch(hostname) else "localhost"
        self._monotonic = monotonic
        self._tls = tls_context
        self._look_up = look_up
        self._kept: deque[SmtpConnection] = deque()
        self._closed = threading.Event()
        self.statistics = Statistics()

    def send(self, envelope: Envelope, dialogue: Dialogue | None = None) -> SendResult:
        """With `dialogue`, over a new connection, whose conversation it records; the message itself is left out."""
        started = self._monotonic()
        try:
            return self._send(envelope) if dialogue is None else self._transact(self._open(dialogue), envelope)
        finally:
            self.statistics.add(self._monotonic() - started)

    def check(self, dialogue: Dialogue | None = None) -> Reply:
        """Connects, encrypts, logs in and says NOOP and QUIT, by the code that sends. Raises AccountTransportError.

        `dialogue` is filled as it goes, so that after an error it shows how far things went.
        """
        connection = self._open(dialogue)
        try:
            return connection.noop()
        finally:
            self._say_goodbye([connection])

    def prune(self) -> None:
        """Closes connections that were idle for too long. Call it now and then."""
        expired: list[SmtpConnection] = []
        while (connection := self._take_oldest()) is not None:
            if not self._is_expired(connection):
                self._kept.appendleft(connection)
                break
            expired.append(connection)
        self._say_goodbye(expired)

    def close(self) -> None:
        """Says QUIT on every kept connection, within two seconds. A send that still runs closes its own at its end."""
        self._closed.set()
        self._say_goodbye(self._take_all())

    def _send(self, envelope: Envelope) -> SendResult:
        kept = self._take_fresh_enough()
        if kept is None:
            return self._transact(self._open(), envelope)
        try:
            return self._transact(kept, envelope)
        except TransportError as error:
            if kept.usable or not _was_dead(error):
                raise
        return self._transact(self._open(), envelope)

    def _transact(self, connection: SmtpConnection, envelope: Envelope) -> SendResult:
        try:
            result = connection.send(envelope)
        except TransportError as error:
            self._give_back(connection)
            log.debug("not taken by the server", server=error.server, stage=error.stage, reason=str(error))
            raise
        except BaseException:  # killed in the middle: nobody knows what the server waits for
            connection.close()
            raise
        self._give_back(connection)
        log.debug("taken by the server", server=result.server, reply=str(result.reply), refused=len(result.refused))
        return result

    def _open(self, dialogue: Dialogue | None = None) -> SmtpConnection:
        self.statistics.connections += 1
        tls = self._tls or system_tls()
        wire = open_wire(self._server, self._settings, self._hostname, tls, dialogue, self._look_up)
        return SmtpConnection(wire, self._server, self._settings)

    def _take_fresh_enough(self) -> SmtpConnection | None:
        connection = self._take_newest()
        if connection is None or not self._is_expired(connection):
            return connection
        self._say_goodbye([connection, *self._take_all()])  # the newest is too old, so all are
        return None

    def _give_back(self, connection: SmtpConnection) -> None:
        if not connection.usable:
            return
        if self._closed.is_set() or connection.sent >= self._settings.messages_per_connection:
            self._say_goodbye([connection])
            return
        connection.used_at = self._monotonic()
        self._kept.append(connection)
        if self._closed.is_set():  # closed between the question and the answer
            self._say_goodbye(self._take_all())

    def _say_goodbye(self, connections: Iterable[SmtpConnection]) -> None:
        """QUIT to all first, then all the answers: the time is bounded once, not for each."""
        leaving = list(connections)
        for connection in leaving:
            connection.say_goodbye()
        deadline = time.monotonic() + min(_GOODBYE_SECONDS, self._settings.command_timeout)
        for connection in leaving:
            connection.hear_goodbye(deadline - time.monotonic())

    def _is_expired(self, connection: SmtpConnection) -> bool:
        return self._monotonic() - connection.used_at > self._settings.connection_idle_seconds

    def _take_newest(self) -> SmtpConnection | None:
        try:
            return self._kept.pop()
        except IndexError:
            return None

    def _take_oldest(self) -> SmtpConnection | None:
        try:
            return self._kept.popleft()
        except IndexError:
            return None

    def _take_all(self) -> list[SmtpConnection]:
        taken = []
        while (connection := self._take_newest()) is not None:
            taken.append(connection)
        return taken


def _was_dead(error: TransportError) -> bool:
    """Of what came of a kept connection: whether the server had left it, so that a fresh one may do."""
    return error.stage is Stage.MAIL and error.reply.code in (None, CLOSING)


@cache
def system_tls() -> ssl.SSLContext:
    """The certificate authorities of the system, host names checked; read once, because that takes some 20 ms."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
