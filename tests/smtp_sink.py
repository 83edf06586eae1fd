"""An SMTP server that takes everything, unless it was told to misbehave: real sockets, one thread a connection.

In a test:

    with SmtpSink() as sink:
        sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: "bad" in line, times=2)
        sink.drop("END_OF_DATA", times=1)
        ...
        assert sink.messages[0].rcpt_to == ("ann@example.com",)

As a program, for benchmarks and crash tests: `python tests/smtp_sink.py --port 2525 --log taken.jsonl`. It prints
`listening PORT` and, on SIGTERM or SIGINT, `received N messages over M connections`.

Stages, in any case: CONNECT (before the greeting), GREETING, EHLO, HELO, STARTTLS, AUTH, MAIL, RCPT, DATA (the
command), MID_DATA (part of the body has come), END_OF_DATA (after the final dot), RSET, NOOP, QUIT. The first
rule that applies answers. A message counts as received when its final dot came, unless a reply to
END_OF_DATA refused it: after `drop` or `hang` there the client cannot know, but the sink has it.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

if not __package__:  # run as a program: only its own directory is on the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests import certificates
from tests.smtp_session import Hangup, ReceivedMessage, Session

__all__ = ["ReceivedMessage", "SmtpSink"]

DEFAULT_EXTENSIONS = ("PIPELINING", "SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")


@dataclass
class _Rule:
    stage: str
    action: Callable[[Session], bytes | None]  # what to answer; None: go on as usual
    when: Callable[[str], bool]
    times: int | None

    def applies(self, stage: str, line: str) -> bool:
        return self.stage == stage and self.times != 0 and self.when(line)


class SmtpSink:
    """`start` binds the port (0: a free one) and `stop` ends every connection; a context manager does both."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        extensions: Iterable[str] = DEFAULT_EXTENSIONS,
        starttls: bool = False,
        implicit_tls: bool = False,
        users: Mapping[str, str] | None = None,
        auth: str = "PLAIN LOGIN",
        keep: bool = True,
        on_message: Callable[[ReceivedMessage], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`users` (name to password) makes a login required; `keep=False` only counts; `tls`: another certificate."""
        self.host = host
        self.port = port
        self.extensions = tuple(extensions)
        self.starttls = starttls
        self.implicit_tls = implicit_tls
        self.users = users
        self.auth = auth
        self.keep = keep
        self.tls = tls or certificates.server_context()
        self.messages: list[ReceivedMessage] = []
        self.commands: list[str] = []  # every command line, of all connections, as long as `keep`
        self.count = 0
        self.connections = 0
        self.stopping = threading.Event()
        self._on_message = on_message
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._open: set[Session] = set()
        self._listener: socket.socket | None = None
        self._deaf: list[socket.socket] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def open_connections(self) -> int:
        return len(self._open)

    @property
    def client_context(self) -> ssl.SSLContext:
        """Trusts the sink's certificate, which is good for localhost and 127.0.0.1."""
        return ssl.create_default_context(cadata=certificates.public_certificate())

    def start(self) -> None:
        self.stopping.clear()
        self._listener = socket.create_server((self.host, self.port), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Harmless twice. The port is free afterwards."""
        self.stopping.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for one in self._deaf:
            one.close()
        self._deaf = []
        self.drop_connections()

    def go_deaf(self) -> None:
        """Answers nobody who connects, as a server behind a firewall that swallows packets, until `stop`."""
        self.stop()
        deaf = socket.create_server((self.host, self.port), backlog=0)
        self._deaf = [socket.create_connection((self.host, self.port)), deaf]  # the one that has a place in the queue

    def drop_connections(self) -> None:
        """As if the server had been restarted: clients find their kept connections dead."""
        for session in list(self._open):
            session.hang_up()

    def reply(
        self, stage: str, text: str, *, when: Callable[[str], bool] = lambda _: True, times: int | None = None
    ) -> None:
        """Answers `text` (LF between lines) instead of the usual; 421 closes the connection as well."""
        lines = text.split("\n")
        self.raw(stage, "".join(f"{line}\r\n" for line in lines).encode(), when=when, times=times)

    def raw(
        self, stage: str, data: bytes, *, when: Callable[[str], bool] = lambda _: True, times: int | None = None
    ) -> None:
        """Answers these very bytes: garbage, an overlong line, a flood of lines."""
        self._add(stage, lambda _: data, when, times)

    def drop(self, stage: str, *, when: Callable[[str], bool] = lambda _: True, times: int | None = None) -> None:
        """Closes the connection instead of answering."""

        def close(_: Session) -> bytes | None:
            raise Hangup

        self._add(stage, close, when, times)

    def hang(self, stage: str, *, when: Callable[[str], bool] = lambda _: True, times: int | None = None) -> None:
        """Never answers."""

        def wait(session: Session) -> bytes | None:
            session.closed.wait()
            raise Hangup

        self._add(stage, wait, when, times)

    def trickle(self, stage: str, data: bytes, seconds: float) -> None:
        """Answers a byte every `seconds`."""

        def drip(session: Session) -> bytes | None:
            for position in range(len(data)):
                session.write(data[position : position + 1])
                if session.closed.wait(seconds):
                    raise Hangup
            return b""

        self._add(stage, drip, lambda _: True, None)

    def delay(self, stage: str, seconds: float, *, times: int | None = None) -> None:
        """Answers as usual, but late."""

        def wait(session: Session) -> bytes | None:
            session.closed.wait(seconds)
            return None

        self._add(stage, wait, lambda _: True, times)

    def forget_rules(self) -> None:
        self._rules = []

    def scripted(self, stage: str, line: str, session: Session) -> bytes | None:
        """What the first rule that applies answers; delays only delay, and let the next rule answer."""
        for rule in self._rules:
            if self._claim(rule, stage, line) and (answer := rule.action(session)) is not None:
                return answer
        return None

    def receive(self, message: ReceivedMessage) -> None:
        with self._lock:
            self.count += 1
            if self.keep:
                self.messages.append(message)
        if self._on_message is not None:
            self._on_message(message)

    def forget(self, session: Session) -> None:
        self._open.discard(session)

    def _add(
        self,
        stage: str,
        action: Callable[[Session], bytes | None],
        when: Callable[[str], bool],
        times: int | None,
    ) -> None:
        self._rules = [*self._rules, _Rule(stage.upper(), action, when, times)]

    def _claim(self, rule: _Rule, stage: str, line: str) -> bool:
        with self._lock:
            if not rule.applies(stage, line):
                return False
            if rule.times is not None:
                rule.times -= 1
            return True

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            session = Session(self, connection, self.connections)
            self._open.add(session)
            if self.stopping.is_set():
                session.hang_up()
            threading.Thread(target=session.run, daemon=True).start()


def main() -> None:
    options = _options()
    os.umask(0o077)
    log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if options.log else None
    sink = SmtpSink(host=options.host, port=options.port, keep=False, on_message=_logged_to(log) if log else None)
    if options.latency:
        sink.delay("END_OF_DATA", options.latency / 1000)
    enough = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: enough.set())
    with sink:
        print(f"listening {sink.port}", flush=True)
        while not enough.wait(0.2):
            _write_count(options.count_file, sink.count)
    _write_count(options.count_file, sink.count)
    if not options.quiet:
        print(f"received {sink.count} messages over {sink.connections} connections", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="An SMTP server that takes everything and keeps nothing.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--log", help="append a line of JSON for each message: message_id, mail_from, rcpt_to, time")
    parser.add_argument("--count-file", help="hold the number of messages here, at most 0.2 s old")
    parser.add_argument("--latency", type=float, default=0, help="milliseconds before the message is taken")
    parser.add_argument("--quiet", action="store_true", help="print no totals at the end")
    return parser.parse_args()


def _logged_to(log: int) -> Callable[[ReceivedMessage], None]:
    """One write a message, before the client has its answer: what a killed client was told is in the log."""

    def append(message: ReceivedMessage) -> None:
        line = {
            "message_id": message.message_id,
            "mail_from": message.mail_from,
            "rcpt_to": message.rcpt_to,
            "time": message.received_at,
        }
        os.write(log, f"{json.dumps(line)}\n".encode())

    return append


def _write_count(path: str | None, count: int) -> None:
    if path:
        partial = Path(f"{path}.new")
        partial.write_text(f"{count}\n")
        partial.replace(path)


if __name__ == "__main__":
    main()
