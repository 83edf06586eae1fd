"""Waitress's connections, each of which has to get on: a client that dawdles gives way to those that do not.

Waitress closes a connection on which nothing happened for a while, and listens no more once there are too many. So
somebody who opens a thousand and sends a byte of a request now and then would have the whole box for as long as they
like. Here a head must be complete, a body come at a pace and an answer be fetched within times that single bytes do not
prolong; and when there are too many connections, some that wait are closed instead of those that would come next.
"""

import resource
import socket
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.utilities import RequestEntityTooLarge, RequestHeaderFieldsTooLarge

from appliance.runtime.http_answers import Answer, Refusal

KILOBYTE = 1024
MEGABYTE = 1024 * 1024
LOOK_SECONDS = 1.0
ACCEPTS_AT_ONCE = 32
LARGEST_HEAD = 64 * KILOBYTE  # of a request line and its headers; browsers send a few KB
MOST_FIELDS = 200  # lines of a head; browsers send some 20, and thousands of one name hold the loop for 0.1 s
MOST_CONNECTIONS = 1000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds. `waiting`: requests that wait for a thread; more are refused.

    `bodies`: bytes of requests that are not complete yet, of all connections together.
    """

    idle: float = 75.0
    head: float = 20.0
    body: float = 30.0
    body_bytes_per_second: int = 4 * KILOBYTE
    stalled_answer: float = 60.0
    connections: int = MOST_CONNECTIONS
    waiting: int = MOST_CONNECTIONS // 2
    bodies: int = 1024 * MEGABYTE


def most_connections() -> int:
    """Half of the files that this process may have open: databases, mail and logs need the others."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Refuses what two programs may take for two different requests (RFC 9112 section 6.3), and endless lists."""

    too_many_fields = False

    def received(self, data: bytes) -> int:
        taken: int = super().received(data)
        if self.too_many_fields:
            self.error = RequestHeaderFieldsTooLarge(f"more than {MOST_FIELDS} lines")
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        self.too_many_fields = header_plus.count(b"\n") > MOST_FIELDS
        if self.too_many_fields:
            raise ParsingError("too many header fields")
        super().parse_header(header_plus)
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length and Transfer-Encoding exclude each other")
        if "TRANSFER_ENCODING" in self.headers:  # waitress took it out if it understood it
            raise ParsingError("Transfer-Encoding needs HTTP/1.1")


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection. Its times are of a clock that nobody turns."""

    parser_class = Parser
    task_class = Answer
    error_task_class = Refusal

    def __init__(self, *args: Any, **options: Any) -> None:
        self.opened_at = self.moved_at = time.monotonic()
        self.request_began = 0.0
        """When the first byte came of the request that is not complete yet; 0.0: none came since the last one."""
        self.served = 0
        super().__init__(*args, **options)

    def received(self, data: bytes) -> bool:
        self.moved_at = time.monotonic()
        self.request_began = self.request_began or self.moved_at
        taken: bool = super().received(data)
        if self.request is None:  # what came was complete
            self.request_began = 0.0
        return taken

    def service(self) -> None:
        """Leaves it to the application to refuse a body that is too large, in words that its clients understand."""
        request = self.requests[0]
        if isinstance(request.error, RequestEntityTooLarge):
            request.error = None
            request.headers["CONTENT_LENGTH"] = str(max(request.content_length, request.body_bytes_received))
            request.headers["CONNECTION"] = "close"  # the rest of the body was not read
        super().service()
        self.served += 1
        self.moved_at = time.monotonic()
        if self.request_began:  # nothing was read meanwhile
            self.request_began = self.moved_at

    def _flush_some(self, do_close: bool = True) -> bool:
        sent: bool = super()._flush_some(do_close=do_close)
        if sent:
            self.moved_at = time.monotonic()
        return sent

    def held_bytes(self) -> int:
        """Of the request that is not complete yet."""
        request = self.request
        return request.header_bytes_received + request.body_bytes_received if request is not None else 0

    def give_up(self) -> None:
        """It is closed at the loop's next turn, also when its client takes nothing any more."""
        self.will_close = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # or the loop would wait until it can be written to

    def is_too_slow(self, now: float, patience: Patience) -> bool:
        if self.total_outbufs_len:
            return now - self.moved_at > patience.stalled_answer
        if self.requests:  # how long it takes to serve them is no fault of the client
            return False
        if not self.request_began:
            return now - self.moved_at > patience.idle
        if not self.request.headers_finished:
            return now - self.request_began > patience.head
        return now - self.request_began > patience.body + self.held_bytes() / patience.body_bytes_per_second

    def claim(self, of_its_address: int) -> tuple[bool, int, bool, float]:
        """To stay, when there are too many; the least goes first: the greedy, the unfinished, the old."""
        is_kept = self.served > 0 and not self.request_began
        return bool(self.requests), -of_its_address, is_kept, self.opened_at


class Server(TcpWSGIServer):  # type: ignore[misc]
    channel_class = Channel

    def __init__(self, *args: Any, patience: Patience, **options: Any) -> None:
        self.patience = patience
        self._next_look = 0.0
        super().__init__(*args, **options)

    def readable(self) -> bool:
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._look(now)
        listens: bool = super().readable()
        return listens

    def maintenance(self, _now: float) -> None:
        """Waitress's own, by the clock on the wall; `_look` does it better."""

    def handle_accept(self) -> None:
        """Lets in several at once: a turn of the loop is long when it has a thousand connections to look at."""
        for _ in range(ACCEPTS_AT_ONCE):
            if len(self.active_channels) >= self.patience.connections:
                self._make_room()
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:  # nobody else waits
                return

    def _look(self, now: float) -> None:
        for channel in self.active_channels.values():
            if channel.is_too_slow(now, self.patience):
                channel.give_up()
        self._limit_bodies()

    def _limit_bodies(self) -> None:
        held = sorted((channel.held_bytes(), id(channel), channel) for channel in self.active_channels.values())
        total = sum(count for count, _, _ in held)
        while total > self.patience.bodies:
            count, _, channel = held.pop()
            total -= count
            channel.give_up()

    def _make_room(self) -> None:
        """Closes a twentieth at once, so that looking through them all is rare however many come."""
        channels = [channel for channel in self.active_channels.values() if not channel.will_close]
        too_many = len(channels) - self.patience.connections * 19 // 20
        if too_many <= 0:
            return
        of_address = Counter(channel.addr[0] for channel in channels)
        channels.sort(key=lambda channel: channel.claim(of_address[channel.addr[0]]))
        closed = [channel for channel in channels[:too_many] if not channel.requests]
        for channel in closed:
            channel.give_up()
        log.warning("too many connections: some that wait are closed", open=len(channels), closed=len(closed))
