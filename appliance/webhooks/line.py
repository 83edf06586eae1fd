"""A connection on which everything together must be over by one moment, however slowly the other side drips.

A socket's own timeout starts anew with each byte, inside a TLS record too: a server could hold a connection for days.
One that pours instead is as bad: what is there at once is never waited for, so nobody else would have a turn.
"""

import io
import select
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Buffer: TypeAlias = bytearray | memoryview

MOST_RECEIVED = 256 * 1024  # bytes of one answer with its head, interim answers (1xx) included
PAUSE_SECONDS = 0.0005  # not 0: an event loop looks at its sockets only while something really waits


class TooSlow(OSError):
    """The time is up."""


class TooMuch(OSError):
    """More came than MOST_RECEIVED."""


class Line:
    """What `http.client` needs of a socket: `sendall`, `makefile`, `close`; it is closed by `hang_up`."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        """`sock` is connected. `deadline` is a moment of `time.monotonic`."""
        sock.settimeout(0)
        self._sock = sock
        self.begin(deadline)

    def begin(self, deadline: float) -> None:
        """Of the next request and its answer."""
        self._deadline = deadline
        self._received = 0

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Speaks TLS from now on; the certificate must be good for `host`. Raises TooSlow, OSError (ssl.SSLError)."""
        wrapped = context.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)
        self._sock = wrapped
        self._in_time(wrapped.do_handshake, select.POLLIN)

    def sendall(self, data: bytes) -> None:
        """Raises TooSlow, OSError."""
        left = memoryview(data)
        while left:
            left = left[self._in_time(partial(self._sock.send, left), select.POLLOUT) :]

    def recv_into(self, buffer: Buffer) -> int:
        """Raises TooSlow, TooMuch, OSError."""
        if self._received > MOST_RECEIVED:
            raise TooMuch("more came than an answer may have")
        if self._received:
            time.sleep(PAUSE_SECONDS)  # most answers come at once; a longer one lets others go first
        count = self._in_time(partial(self._sock.recv_into, buffer), select.POLLIN)
        self._received += count
        return count

    def makefile(self, _mode: str = "rb") -> io.BufferedReader:
        """For reading; closing it leaves the connection open."""
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Does nothing: `http.client` closes before the answer is read where it expects no further one."""

    def hang_up(self) -> None:
        self._sock.close()

    def _in_time(self, step: Callable[[], T], event: int) -> T:
        while True:
            try:
                return step()
            except BlockingIOError:
                self._wait(event)
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT)

    def _wait(self, event: int) -> None:
        seconds = self._deadline - time.monotonic()
        poll = select.poll()
        poll.register(self._sock.fileno(), event)
        if seconds <= 0 or not poll.poll(seconds * 1000):
            raise TooSlow("the time is up")


class _Reader(io.RawIOBase):
    def __init__(self, line: Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        return self._line.recv_into(buffer)
