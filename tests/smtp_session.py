"""One connection to the SMTP sink: the dialogue of a well-behaved server, and where a script may interfere."""

import base64
import contextlib
import hmac
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.smtp_sink import SmtpSink

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class ReceivedMessage:
    mail_from: str
    rcpt_to: tuple[str, ...]
    data: bytes  # without the stuffed dots and the final one
    parameters: str  # of MAIL FROM: "SIZE=123 SMTPUTF8"
    connection: int  # 1 is the first
    user: str  # who logged in, or ""
    encrypted: bool
    received_at: float  # time.time()

    @property
    def message_id(self) -> str:
        match = _MESSAGE_ID.search(self.data)
        return match[1].decode(errors="replace") if match else ""


class Hangup(Exception):
    """Ends a connection at once."""


@dataclass(eq=False)
class Session:
    sink: "SmtpSink"
    sock: socket.socket
    number: int
    closed: threading.Event = field(default_factory=threading.Event)
    buffer: bytes = b""
    answers: list[bytes] = field(default_factory=list)
    mail_from: str | None = None
    parameters: str = ""
    rcpt_to: list[str] = field(default_factory=list)
    user: str = ""
    encrypted: bool = False

    def run(self) -> None:
        try:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.sink.scripted("CONNECT", "", self) is not None:
                raise Hangup
            if self.sink.implicit_tls:
                self.encrypt()
            self.answer("GREETING", "", "220 sink.example ESMTP")
            while True:
                self.serve(self.read_line())
        except (Hangup, OSError):
            pass
        finally:
            self.hang_up()
            self.sink.forget(self)

    def hang_up(self) -> None:
        self.closed.set()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def serve(self, line: str) -> None:
        if self.sink.keep:
            self.sink.commands.append(line)
        verb, _, argument = line.partition(" ")
        handler = _HANDLERS.get(verb.upper())
        if handler is None:
            self.say("500 5.5.1 what?")
        else:
            handler(self, argument.strip())

    def ehlo(self, argument: str) -> None:
        lines = ["sink.example greets you", *self.sink.extensions]
        if self.sink.starttls and not self.encrypted:
            lines.append("STARTTLS")
        if self.sink.users is not None:
            lines.append(f"AUTH {self.sink.auth}")
        last = len(lines) - 1
        text = "\n".join(f"250{'-' if index < last else ' '}{line}" for index, line in enumerate(lines))
        self.answer("EHLO", argument, text)

    def helo(self, argument: str) -> None:
        self.answer("HELO", argument, "250 sink.example")

    def starttls(self, argument: str) -> None:
        if not self.sink.starttls or self.encrypted:
            self.say("502 5.5.1 not here")
        elif self.answer("STARTTLS", argument, "220 2.0.0 go ahead"):
            self.flush()
            self.encrypt()

    def log_in(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        scripted = self.sink.scripted("AUTH", argument, self)
        if scripted is not None:
            self.write_scripted(scripted)
        elif self.sink.users is None or mechanism.upper() not in self.sink.auth.split():
            self.say("504 5.5.4 not offered")
        else:
            user = self.identify(mechanism.upper(), initial)
            self.user = user
            self.say("235 2.7.0 welcome" if user else "535 5.7.8 bad credentials")

    def identify(self, mechanism: str, initial: str) -> str:
        """The name of the user whose password was right, or an empty string."""
        users = self.sink.users or {}
        if mechanism == "PLAIN":
            _, name, password = base64.b64decode(initial or self.ask(b"")).decode().split("\0")
            return name if users.get(name) == password else ""
        if mechanism == "LOGIN":
            name = base64.b64decode(self.ask(b"Username:")).decode()
            password = base64.b64decode(self.ask(b"Password:")).decode()
            return name if users.get(name) == password else ""
        challenge = b"<1.2@sink.example>"
        name, _, digest = base64.b64decode(self.ask(challenge)).decode().partition(" ")
        return name if digest == hmac.new(users.get(name, "").encode(), challenge, "md5").hexdigest() else ""

    def ask(self, challenge: bytes) -> str:
        self.say(f"334 {base64.b64encode(challenge).decode()}")
        return self.read_line()

    def mail(self, argument: str) -> None:
        if self.sink.users is not None and not self.user:
            self.say("530 5.7.0 log in first")
            return
        path, _, parameters = argument.partition(">")
        if self.answer("MAIL", argument, "250 2.1.0 ok"):
            self.reset()
            self.mail_from = path.partition("<")[2]
            self.parameters = parameters.strip()

    def rcpt(self, argument: str) -> None:
        if self.mail_from is None:
            self.say("503 5.5.1 MAIL first")
        elif self.answer("RCPT", argument, "250 2.1.5 ok"):
            self.rcpt_to.append(argument.partition("<")[2].partition(">")[0])

    def data(self, argument: str) -> None:
        if not self.rcpt_to:
            self.say("554 5.5.1 no valid recipients")
        elif self.answer("DATA", argument, "354 go ahead"):
            self.take(self.read_body())

    def take(self, body: bytes) -> None:
        message = ReceivedMessage(
            self.mail_from or "",
            tuple(self.rcpt_to),
            body,
            self.parameters,
            self.number,
            self.user,
            self.encrypted,
            time.time(),
        )
        self.reset()
        try:
            scripted = self.sink.scripted("END_OF_DATA", "", self)
        except Hangup:
            self.sink.receive(message)
            raise
        if scripted is None or scripted[:1] == b"2":
            self.sink.receive(message)
        if scripted is None:
            self.say("250 2.0.0 taken")
        else:
            self.write_scripted(scripted)

    def rset(self, argument: str) -> None:
        if self.answer("RSET", argument, "250 2.0.0 ok"):
            self.reset()

    def noop(self, argument: str) -> None:
        self.answer("NOOP", argument, "250 2.0.0 ok")

    def quit(self, argument: str) -> None:
        self.answer("QUIT", argument, "221 2.0.0 bye")
        self.flush()
        raise Hangup

    def reset(self) -> None:
        self.mail_from, self.parameters, self.rcpt_to = None, "", []

    def answer(self, stage: str, line: str, usual: str) -> bool:
        """Whether the usual answer was given, or a scripted one that means the same."""
        scripted = self.sink.scripted(stage, line, self)
        if scripted is None:
            self.say(usual)
            return True
        self.write_scripted(scripted)
        return scripted[:1] == usual[:1].encode()

    def write_scripted(self, answer: bytes) -> None:
        self.answers.append(answer)
        if answer.startswith(b"421"):
            self.flush()
            raise Hangup

    def say(self, text: str) -> None:
        self.answers.append(f"{text}\n".replace("\n", "\r\n").encode())

    def flush(self) -> None:
        """Replies to pipelined commands go out together."""
        if self.answers:
            self.write(b"".join(self.answers))
            self.answers.clear()

    def write(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read_line(self) -> str:
        while (end := self.buffer.find(b"\n")) < 0:
            self.read_more()
        line, self.buffer = self.buffer[:end], self.buffer[end + 1 :]
        return line.rstrip(b"\r").decode(errors="replace")

    def read_body(self) -> bytes:
        """Up to the final dot, with the stuffed dots removed."""
        self.flush()
        received = bytearray(b"\r\n" + self.buffer)
        searched = 0
        while (end := received.find(b"\r\n.\r\n", searched)) < 0:
            searched = max(0, len(received) - 4)
            received += self.receive()
            if (refusal := self.sink.scripted("MID_DATA", "", self)) is not None:
                self.write(refusal)
                raise Hangup
        self.buffer = bytes(received[end + 5 :])
        return bytes(received[: end + 2]).replace(b"\r\n.", b"\r\n")[2:]

    def read_more(self) -> None:
        self.flush()
        self.buffer += self.receive()

    def receive(self) -> bytes:
        received = self.sock.recv(65536)
        if not received:
            raise Hangup
        return received

    def encrypt(self) -> None:
        self.buffer = b""
        self.sock = self.sink.tls.wrap_socket(self.sock, server_side=True)
        self.encrypted = True
        self.reset()


_HANDLERS: dict[str, Callable[[Session, str], None]] = {
    "EHLO": Session.ehlo,
    "HELO": Session.helo,
    "STARTTLS": Session.starttls,
    "AUTH": Session.log_in,
    "MAIL": Session.mail,
    "RCPT": Session.rcpt,
    "DATA": Session.data,
    "RSET": Session.rset,
    "NOOP": Session.noop,
    "QUIT": Session.quit,
}
