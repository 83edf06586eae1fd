"""The bytes of an SMTP connection: `smtplib` with bounded replies, total deadlines and a record of the dialogue.

`smtplib` gives each read its own timeout and gathers replies without an end, so that a server that trickles or floods
would hold a worker or fill the memory. Here a reply has one deadline and a size.
"""

import math
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from appliance.mail import smtp_words as words

_LONGEST_LINE = 8192  # RFC 5321 section 4.5.3.1.5 says 512
_LARGEST_REPLY = 65536
_CHUNK = 262144
_REPLY_LINE = re.compile(rb"[2-5][0-9]{2}(?:[ -]|\Z)")

Address = tuple[Any, Any, int, str, Any]
"""Of a server, as `socket.getaddrinfo` gives it: family, kind, protocol, name, socket address."""

LookUp = Callable[[str, int, float], Sequence[Address]]
"""Of a host and a port, within so many seconds. Raises TimeoutError, OSError, UnicodeError."""

Dialogue = list[str]
"""The conversation, a line an entry: `C: ` what we said, `S: ` what the server said, `-- ` events. No secrets."""


class ConnectionLost(Exception):
    """The connection is of no use any more, and closed. `reason` continues a sentence that starts with the server.

    `said` is a refusal that the server left behind when it closed the connection while we were sending. `is_silence`:
    an answer was waited for as long as one may be.
    """

    def __init__(self, reason: str, said: tuple[int, bytes] | None = None, *, is_silence: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.said = said
        self.is_silence = is_silence


class Wire(smtplib.SMTP):
    """`docmd`, `getreply`, `send` and `ehlo` raise ConnectionLost; `patience` is the seconds that each of them has.

    `allow` bounds them together: a server that answers each command just in time is not waited for without an end.
    """

    ehlo_msg = "EHLO"

    def __init__(self, hostname: str, patience: float, dialogue: Dialogue | None = None) -> None:
        super().__init__(local_hostname=hostname)
        self.command_encoding = "utf-8"  # RFC 6531; an address that needs it is only sent where it is offered
        self.patience = patience
        self._dialogue = dialogue
        self._buffer = b""
        self._allowed: float | None = None
        self._deadline = math.inf

    def allow(self, seconds: float | None) -> None:
        """What follows must be over in `seconds`, all of it together; None lifts that again."""
        self._allowed = seconds
        self._deadline = math.inf if seconds is None else time.monotonic() + seconds

    @property
    def connected(self) -> bool:
        return self.sock is not None

    @property
    def encrypted(self) -> bool:
        return isinstance(self.sock, ssl.SSLSocket)

    def reach(self, server: str, addresses: Sequence[Address], deadline: float) -> None:
        """Connects to the first of `addresses` that answers. `deadline`: of `time.monotonic`. Raises OSError."""
        self.sock = _first_that_answers(addresses, deadline)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.note(words.CONNECTED % {"server": server})

    def encrypt(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Starts TLS as a client that expects `host`. Raises OSError (ssl.SSLError among them)."""
        if self._buffer:  # said in clear, to be believed after TLS: an injected reply (RFC 3207 section 6)
            raise self._lost(words.INJECTED)
        assert self.sock is not None
        self.sock.settimeout(seconds)
        with _cut_after(self.sock, seconds):
            self.sock = context.wrap_socket(self.sock, server_hostname=host)
        assert isinstance(self.sock, ssl.SSLSocket)
        cipher = (self.sock.cipher() or ("?",))[0]
        self.note(words.ENCRYPTED % {"version": self.sock.version(), "cipher": cipher})

    def send(self, s: str | bytes | bytearray | memoryview) -> None:  # type: ignore[override]
        """Returns when the system took every byte; ConnectionLost means that the last of them never went out."""
        if self.sock is None:
            raise ConnectionLost(words.CLOSED)
        try:
            self.sock.settimeout(self._seconds_left(self.patience))
            self.sock.sendall(s.encode(self.command_encoding) if isinstance(s, str) else s)
        except OSError as error:
            said = None if isinstance(error, TimeoutError) else self._parting_words()
            raise self._lost(self._reason(error), said) from error

    def putcmd(self, cmd: str, args: str = "") -> None:
        if self._dialogue is not None:
            self._dialogue.append(f"C: {cmd} {args}".rstrip())
        super().putcmd(cmd, args)

    def put_secret(self, line: str, shown: str) -> None:
        """Sends `line`, of which the dialogue has only `shown`."""
        if self._dialogue is not None:
            self._dialogue.append(f"C: {shown}")
        self.send(f"{line}\r\n")

    def put_data(self, data: bytes) -> None:
        """Sends the body of a message; each quarter of a megabyte has `patience` of its own."""
        for start in range(0, len(data), _CHUNK):
            self.send(data if len(data) <= _CHUNK else memoryview(data)[start : start + _CHUNK])

    def getreply(self) -> tuple[int, bytes]:
        started = time.monotonic()
        texts: list[bytes] = []
        size = 0
        while True:
            line = self._read_line(started)
            size += len(line) + 2
            if size > _LARGEST_REPLY:
                raise self._lost(words.ENDLESS_REPLY)
            if not _REPLY_LINE.match(line):
                raise self._lost(words.NO_REPLY % {"text": repr(line[:60].decode(errors="replace"))})
            texts.append(line[4:])
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(texts)

    def close(self) -> None:
        self._buffer = b""
        with suppress(OSError):
            super().close()

    def note(self, line: str) -> None:
        if self._dialogue is not None:
            self._dialogue.append(f"-- {line}")

    def _read_line(self, started: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LONGEST_LINE:
                raise self._lost(words.ENDLESS_LINE)
            self._buffer += self._receive(self.patience - (time.monotonic() - started))
        line = self._buffer[:end].rstrip(b"\r")
        self._buffer = self._buffer[end + 1 :]
        if self._dialogue is not None:
            self._dialogue.append(f"S: {line.decode(errors='replace')}")
        return line

    def _receive(self, seconds: float) -> bytes:
        if self.sock is None:
            raise ConnectionLost(words.CLOSED)
        try:
            self.sock.settimeout(self._seconds_left(seconds))
            received = self.sock.recv(4096)
        except OSError as error:
            raise self._lost(self._reason(error), is_silence=isinstance(error, TimeoutError)) from error
        if not received:
            raise self._lost(words.CLOSED)
        return received

    def _seconds_left(self, seconds: float) -> float:
        """Raises TimeoutError when there are none."""
        left = min(seconds, self._deadline - time.monotonic())
        if left <= 0:
            raise TimeoutError
        return left

    def _reason(self, error: OSError) -> str:
        if isinstance(error, TimeoutError) and time.monotonic() >= self._deadline:
            return words.NOT_DONE % {"seconds": f"{self._allowed:g}"}
        if isinstance(error, TimeoutError):
            return words.SILENT % {"seconds": f"{self.patience:g}"}
        if isinstance(error, ConnectionError):
            return words.CLOSED
        return words.UNREACHABLE % {"reason": error.strerror or error}

    def _parting_words(self) -> tuple[int, bytes] | None:
        self.patience = min(self.patience, 1.0)
        try:
            return self.getreply()
        except ConnectionLost:
            return None

    def _lost(self, reason: str, said: tuple[int, bytes] | None = None, *, is_silence: bool = False) -> ConnectionLost:
        self.note(reason)
        self.close()
        return ConnectionLost(reason, said, is_silence=is_silence)


def look_up(host: str, port: int, _seconds: float) -> Sequence[Address]:
    """Takes as long as the system likes; the appliance has one that does not."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _first_that_answers(addresses: Sequence[Address], deadline: float) -> socket.socket:
    problem: OSError = OSError("there is no address for this name")
    for family, kind, protocol, _, address in addresses:
        candidate = socket.socket(family, kind, protocol)
        try:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            candidate.settimeout(remaining)
            candidate.connect(address)
        except OSError as error:
            candidate.close()
            problem = error
            continue
        return candidate
    raise problem


@contextmanager
def _cut_after(sock: socket.socket, seconds: float) -> Iterator[None]:
    """Ends a handshake that is fed byte by byte, which no timeout of a single read would. Raises TimeoutError then."""
    cut = threading.Event()
    duplicate = sock.dup()  # wrapping takes the socket away from `sock`

    def shut_down() -> None:
        cut.set()
        with suppress(OSError):
            duplicate.shutdown(socket.SHUT_RDWR)

    watchdog = threading.Timer(seconds, shut_down)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    except OSError as error:
        if cut.is_set():
            raise TimeoutError("timed out") from error
        raise
    finally:
        watchdog.cancel()
        duplicate.close()
