"""The faults of SMTP servers: how the sink acts each of them out, and what becomes of the message and of the account.

`docs/reliability.md` shows this table. After a change of it: `python -m tests.functional.smtp_faults`
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from appliance.config.settings import DeliverySettings
from appliance.mail.smtp_wire import Address, LookUp, look_up
from tests import certificates
from tests.smtp_sink import SmtpSink

Script = Callable[[SmtpSink], object]

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN = "<!-- the table of tests/functional/smtp_faults.py -->"
END = "<!-- its end -->"

# Waits that are long for a sink on this machine; each has a length of its own, so that the table can say the real one.
SETTINGS = DeliverySettings(connect_timeout=0.31, command_timeout=0.32, data_timeout=0.33, transaction_seconds=1.5)
WAITS = ("connect_timeout", "command_timeout", "data_timeout", "transaction_seconds")

FLOOD = b"250-and another line\r\n" * 20_000
LONG_LINE = b"2" * 99_999
GARBAGE = b"HTTP/1.1 400 Bad Request\r\n"
LARGE = "x" * 8_000_000  # more than the sockets of both sides hold
LOGIN = {"username": "shop", "password": "secret"}
GUARDED: Mapping[str, Any] = {"users": {"shop": "secret"}}

UNKNOWN = "mx.example"
MANY = tuple(f"ann{number}@example.com" for number in range(20))

RESTS = "rests"
UNFIT = "works on; others are asked"
WORKS = "works on"


@dataclass(frozen=True)
class Fault:
    """`sentence` with `why` is the explanation of the message as a person reads it; the sink is mail.example:587 there.

    `retry`: how long after the attempt the next one is due; empty: none is. `attempts`: those of the message that were
    used up. `counted`: what the account's daily limit counts. `taken`: messages that the server has afterwards.
    """

    name: str
    script: Script
    status: str
    sentence: str
    why: str = ""
    account: str = WORKS
    retry: str = ""
    attempts: int = 1
    counted: int = 0
    taken: int = 0
    sink: Mapping[str, Any] = field(default_factory=dict)
    sender: Mapping[str, Any] = field(default_factory=dict)
    message: Mapping[str, Any] = field(default_factory=dict)
    to: tuple[str, ...] = ("ann@example.com",)
    settings: Mapping[str, Any] = field(default_factory=dict)
    look_up: LookUp = look_up
    lasting: bool = False  # whether it is the server's way, and not an accident that passes
    trusted: bool = False  # whether this machine knows the authority of the certificate

    @property
    def explanation(self) -> str:
        return self.sentence.format(self.why)


def reply(stage: str, text: str, **options: Any) -> Script:
    return lambda sink: sink.reply(stage, text, **options)


def drop(stage: str) -> Script:
    return lambda sink: sink.drop(stage)


def hang(stage: str) -> Script:
    return lambda sink: sink.hang(stage)


def raw(stage: str, data: bytes) -> Script:
    return lambda sink: sink.raw(stage, data)


def drip(stage: str, data: bytes) -> Script:
    return lambda sink: sink.trickle(stage, data, 0.05)


def nothing(_sink: SmtpSink) -> None:
    """The sink is as it is."""


def slow(stage: str) -> Script:
    return lambda sink: sink.delay(stage, 0.25)


def slowly(sink: SmtpSink) -> None:
    """In time for each quarter of a megabyte, but not for the whole."""
    sink.delay("MID_DATA", 0.1)


def bob(line: str) -> bool:
    return "bob" in line


def nobody_knows(host: str, port: int, seconds: float) -> Sequence[Address]:
    if host == UNKNOWN:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return look_up(host, port, seconds)


def nobody_says(host: str, port: int, seconds: float) -> Sequence[Address]:
    """As `appliance.bootstrap.names` does, of name servers that never answer."""
    if host == UNKNOWN:
        raise TimeoutError("timed out")
    return look_up(host, port, seconds)


def refused_hello(text: str) -> Script:
    def script(sink: SmtpSink) -> None:
        sink.reply("EHLO", text)
        sink.reply("HELO", text)

    return script


unusable = partial(
    Fault,
    status="deferred",
    account=RESTS,
    retry="30 s",
    attempts=0,
    sentence="No sender account could be used: {}. It waits until 12:01 today (UTC), when one is tried again; "
    "mend the account under Sender accounts to send it sooner.",
)
later = partial(
    Fault,
    status="deferred",
    retry="1 min",
    sentence="The server gave a temporary error at attempt 1: {}. "
    "It waits until 12:01 today (UTC) and is tried again then; retry it to try at once.",
)
greylisted = partial(
    Fault,
    status="deferred",
    retry="1 min",
    sentence="The server puts off senders that it does not know yet (greylisting), at attempt 1: {}. It waits until "
    "12:01 today (UTC) and is tried again then, which is what the server wants to see; nothing needs to be done.",
)
over = partial(
    Fault, status="failed", sentence="The server refused it for good: {}. Correct what it says, then retry it."
)
nobody = partial(
    Fault,
    status="failed",
    sentence="The server refused it for good: {}. Nothing is left to do, unless the address is right after all: then "
    "remove it under Suppressions, and retry the message.",
)
unknown = partial(
    Fault,
    status="deferred",
    retry="1 min",
    counted=1,
    taken=1,
    sentence="Whether the server accepted it is unknown, since no answer to the last attempt was seen. It waits until "
    "12:01 today (UTC) and is then sent again with the same Message-ID; cancel it if it must not go out twice.",
)
sent = partial(
    Fault,
    status="sent",
    counted=1,
    taken=1,
    sentence="The next server accepted it for its recipient; what happens after that is that server's to say.",
)
partly = partial(
    Fault,
    status="partially_sent",
    counted=1,
    taken=1,
    sentence="The server accepted 1 of 2 recipients and refused 1; each refusal stands beside its address. Correct "
    "those addresses and send to them anew, or retry it: it then goes to those only who did not get it.",
)

FAULTS = [
    unusable(
        "no name server knows its name",
        nothing,
        sender={"host": UNKNOWN},
        look_up=nobody_knows,
        lasting=True,
        why="The name mail.example cannot be resolved: Name or service not known. Check the host",
    ),
    unusable(
        "no name server answers for its name",
        nothing,
        sender={"host": UNKNOWN},
        look_up=nobody_says,
        lasting=True,
        why="The name mail.example was not resolved within 30 s. Check this machine's name servers",
    ),
    unusable("connection refused", SmtpSink.stop, why="Cannot connect to mail.example:587: Connection refused"),
    unusable("unreachable: nobody answers", SmtpSink.go_deaf, why="mail.example:587 did not answer within 30 s"),
    unusable(
        "closes the connection at once", drop("CONNECT"), why="mail.example closed the connection at its greeting"
    ),
    unusable(
        "never greets",
        hang("GREETING"),
        why="mail.example did not answer within 30 s after the connection was made; a server on port "
        "465 waits for TLS from the start",
    ),
    unusable(
        "greets with 421",
        reply("GREETING", "421 4.3.2 too busy"),
        why="mail.example refused the connection: 421 4.3.2 too busy",
    ),
    unusable(
        "greets with 554",
        reply("GREETING", "554 5.3.2 no mail service here"),
        why="mail.example refused the connection: 554 5.3.2 no mail service here",
    ),
    unusable(
        "speaks another protocol",
        raw("GREETING", GARBAGE),
        why="mail.example sent 'HTTP/1.1 400 Bad Request' instead of an SMTP reply at its greeting",
    ),
    unusable(
        "greets with a line without an end",
        raw("GREETING", LONG_LINE),
        why="mail.example sent a line without an end at its greeting",
    ),
    unusable(
        "greets with lines without an end",
        raw("GREETING", FLOOD.replace(b"250", b"220")),
        why="mail.example sent a reply without an end at its greeting",
    ),
    unusable(
        "greets a byte at a time",
        drip("GREETING", b"220 x" * 99),
        why="mail.example did not answer within 30 s after the connection was made; a server on port "
        "465 waits for TLS from the start",
    ),
    unusable("never answers EHLO", hang("EHLO"), why="mail.example did not answer within 120 s at EHLO"),
    unusable("drops at EHLO", drop("EHLO"), why="mail.example closed the connection at EHLO"),
    unusable(
        "421 at EHLO",
        reply("EHLO", "421 4.3.2 closing"),
        why="mail.example refused EHLO box.example: 421 4.3.2 closing",
    ),
    unusable(
        "refuses EHLO and HELO",
        refused_hello("550 5.7.1 you are unknown here"),
        why="mail.example refused EHLO box.example: 550 5.7.1 you are unknown here",
    ),
    unusable(
        "answers EHLO with lines without an end",
        raw("EHLO", FLOOD),
        why="mail.example sent a reply without an end at EHLO",
    ),
    unusable(
        "STARTTLS is not offered",
        nothing,
        sender={"security": "starttls"},
        lasting=True,
        why="mail.example does not offer STARTTLS, and the account requires it: nothing was sent. Set"
        " the encryption to TLS (mostly port 465), or to none on a network that you trust",
    ),
    unusable(
        "refuses STARTTLS",
        reply("STARTTLS", "454 4.7.0 TLS not available"),
        sink={"starttls": True},
        sender={"security": "starttls"},
        lasting=True,
        why="mail.example refused STARTTLS: 454 4.7.0 TLS not available",
    ),
    unusable(
        "never answers STARTTLS",
        hang("STARTTLS"),
        sink={"starttls": True},
        sender={"security": "starttls"},
        lasting=True,
        why="mail.example did not answer within 120 s at STARTTLS",
    ),
    unusable(
        "drops at STARTTLS",
        drop("STARTTLS"),
        sink={"starttls": True},
        sender={"security": "starttls"},
        lasting=True,
        why="mail.example closed the connection at STARTTLS",
    ),
    unusable(
        "421 at STARTTLS",
        reply("STARTTLS", "421 4.7.0 closing"),
        sink={"starttls": True},
        sender={"security": "starttls"},
        lasting=True,
        why="mail.example refused STARTTLS: 421 4.7.0 closing",
    ),
    unusable(
        "certificate self-signed",
        nothing,
        sink={"starttls": True},
        sender={"security": "starttls"},
        lasting=True,
        why="The certificate of mail.example is not trusted: self-signed certificate",
    ),
    unusable(
        "certificate expired",
        nothing,
        sink={"starttls": True, "tls": certificates.issued_context("localhost", expired=True)},
        sender={"security": "starttls", "host": "localhost"},
        lasting=True,
        trusted=True,
        why="The certificate of mail.example is not trusted: certificate has expired",
    ),
    unusable(
        "certificate for another host",
        nothing,
        sink={"starttls": True, "tls": certificates.issued_context("other.example")},
        sender={"security": "starttls", "host": "localhost"},
        lasting=True,
        trusted=True,
        why="The certificate of mail.example is not trusted: Hostname mismatch, certificate is not "
        "valid for 'mail.example'",
    ),
    unusable(
        "TLS asked of a server that speaks in clear",
        nothing,
        sender={"security": "tls"},
        lasting=True,
        why="mail.example and this machine found no common TLS: wrong version number. It does not "
        "speak TLS from the start: use STARTTLS (mostly port 587)",
    ),
    unusable(
        "refuses the password: 535",
        reply("AUTH", "535 5.7.8 bad credentials"),
        sink=GUARDED,
        sender=LOGIN,
        why="mail.example refused the login: 535 5.7.8 bad credentials",
    ),
    unusable(
        "refuses the way to log in: 534",
        reply("AUTH", "534 5.7.9 application password required"),
        sink=GUARDED,
        sender=LOGIN,
        why="mail.example refused the login: 534 5.7.9 application password required",
    ),
    unusable(
        "cannot check the password now: 454",
        reply("AUTH", "454 4.7.0 temporary authentication failure"),
        sink=GUARDED,
        sender=LOGIN,
        why="mail.example refused the login: 454 4.7.0 temporary authentication failure",
    ),
    unusable(
        "421 at AUTH",
        reply("AUTH", "421 4.7.0 too many logins"),
        sink=GUARDED,
        sender=LOGIN,
        why="mail.example refused the login: 421 4.7.0 too many logins",
    ),
    unusable(
        "never answers AUTH",
        hang("AUTH"),
        sink=GUARDED,
        sender=LOGIN,
        why="mail.example did not answer within 120 s at AUTH",
    ),
    unusable(
        "drops at AUTH", drop("AUTH"), sink=GUARDED, sender=LOGIN, why="mail.example closed the connection at AUTH"
    ),
    unusable(
        "offers no login",
        nothing,
        sender=LOGIN,
        lasting=True,
        why="mail.example offers no login that is known here (AUTH PLAIN, LOGIN or CRAM-MD5). Use its"
        " submission port (587 or 465), or remove the user name",
    ),
    unusable("never answers MAIL", hang("MAIL"), why="mail.example did not answer within 120 s at MAIL"),
    unusable("drops at MAIL", drop("MAIL"), why="mail.example closed the connection at MAIL"),
    unusable(
        "421 at MAIL",
        reply("MAIL", "421 4.7.0 too many messages"),
        why="mail.example closed the connection at MAIL: 421 4.7.0 too many messages",
    ),
    unusable(
        "answers MAIL with lines without an end",
        raw("MAIL", FLOOD),
        why="mail.example sent a reply without an end at MAIL",
    ),
    later("450 at MAIL", reply("MAIL", "450 4.7.1 try again later"), why="450 4.7.1 try again later"),
    later("451 at MAIL", reply("MAIL", "451 4.3.0 local error"), why="451 4.3.0 local error"),
    later("452 at MAIL", reply("MAIL", "452 4.3.1 no space left"), why="452 4.3.1 no space left"),
    unusable(
        "550 at MAIL",
        reply("MAIL", "550 5.7.1 sender not allowed"),
        why="mail.example refused the sender shop@example.com: 550 5.7.1 sender not allowed",
    ),
    over(
        "552 at MAIL",
        account=UNFIT,
        script=reply("MAIL", "552 5.3.4 message too large"),
        why="552 5.3.4 message too large",
    ),
    unusable(
        "553 at MAIL",
        reply("MAIL", "553 5.7.1 sender not yours"),
        why="mail.example refused the sender shop@example.com: 553 5.7.1 sender not yours",
    ),
    unusable(
        "554 at MAIL",
        reply("MAIL", "554 5.7.1 account suspended"),
        why="mail.example refused the sender shop@example.com: 554 5.7.1 account suspended",
    ),
    over(
        "smaller than the message: SIZE",
        nothing,
        account=UNFIT,
        sink={"extensions": ("SIZE 100",)},
        lasting=True,
        why="mail.example takes messages of at most 100 bytes; this one has 274",
    ),
    over(
        "SMTPUTF8 missing for an address that is not ASCII",
        nothing,
        account=UNFIT,
        sink={"extensions": ("8BITMIME",)},
        to=("jörg@example.com",),
        lasting=True,
        why="mail.example cannot take addresses that are not ASCII (it does not offer SMTPUTF8)",
    ),
    sent(
        "8BITMIME missing for a text that is not ASCII",
        nothing,
        sink={"extensions": ()},
        message={"text": "Grüße 你好"},
        lasting=True,
    ),
    later("never answers RCPT", hang("RCPT"), why="mail.example did not answer within 120 s at RCPT"),
    later("drops at RCPT", drop("RCPT"), why="mail.example closed the connection at RCPT"),
    later("421 at RCPT", reply("RCPT", "421 4.7.0 closing"), why="421 4.7.0 closing"),
    greylisted("450 at RCPT", reply("RCPT", "450 4.2.0 greylisted"), why="450 4.2.0 greylisted"),
    later("451 at RCPT", reply("RCPT", "451 4.3.0 local error"), why="451 4.3.0 local error"),
    later("452 at RCPT", reply("RCPT", "452 4.2.2 mailbox full"), why="452 4.2.2 mailbox full"),
    nobody(
        "550 at RCPT",
        reply("RCPT", "550 5.1.1 no such user"),
        why="550 5.1.1 no such user (the address is suppressed from now on)",
    ),
    over("552 at RCPT", reply("RCPT", "552 5.2.2 mailbox full"), why="552 5.2.2 mailbox full"),
    nobody(
        "553 at RCPT",
        reply("RCPT", "553 5.1.3 bad address"),
        why="553 5.1.3 bad address (the address is suppressed from now on)",
    ),
    over("554 at RCPT", reply("RCPT", "554 5.7.1 relay access denied"), why="554 5.7.1 relay access denied"),
    partly(
        "one of two recipients refused for good",
        reply("RCPT", "550 5.1.1 no such user", when=bob),
        to=("ann@example.com", "bob@example.com"),
    ),
    greylisted(
        "one of two recipients refused for now",
        reply("RCPT", "450 4.2.0 greylisted", when=bob),
        counted=1,
        taken=1,
        to=("ann@example.com", "bob@example.com"),
        why="450 4.2.0 greylisted",
    ),
    later(
        "answers RCPT a byte at a time",
        drip("RCPT", b"250 x" * 99),
        why="mail.example did not answer within 120 s at RCPT",
    ),
    later(
        "answers each RCPT just in time, and there are twenty",
        slow("RCPT"),
        to=MANY,
        why="mail.example was not done within 900 s at RCPT",
    ),
    later("never answers DATA", hang("DATA"), why="mail.example did not answer within 120 s at DATA"),
    later("drops at DATA", drop("DATA"), why="mail.example closed the connection at DATA"),
    later("421 at DATA", reply("DATA", "421 4.7.0 closing"), why="421 4.7.0 closing"),
    later("451 at DATA", reply("DATA", "451 4.3.0 local error"), why="451 4.3.0 local error"),
    over("554 at DATA", reply("DATA", "554 5.5.1 no valid recipients"), why="554 5.5.1 no valid recipients"),
    later(
        "drops in the middle of the message",
        drop("MID_DATA"),
        message={"text": LARGE},
        why="mail.example closed the connection at DATA",
    ),
    later(
        "stops reading in the middle of the message",
        hang("MID_DATA"),
        message={"text": LARGE},
        why="mail.example did not answer within 120 s at DATA",
    ),
    later(
        "reads the message slowly",
        slowly,
        settings={"command_timeout": 5, "transaction_seconds": 0.7},
        message={"text": LARGE},
        why="mail.example was not done within 900 s at DATA",
    ),
    unknown("drops after the final dot", drop("END_OF_DATA")),
    unknown("never answers the final dot", hang("END_OF_DATA")),
    later("421 after the final dot", reply("END_OF_DATA", "421 4.3.0 closing"), why="421 4.3.0 closing"),
    later(
        "450 after the final dot", reply("END_OF_DATA", "450 4.7.1 try again later"), why="450 4.7.1 try again later"
    ),
    later(
        "451 after the final dot", reply("END_OF_DATA", "451 4.7.1 being looked at"), why="451 4.7.1 being looked at"
    ),
    later("452 after the final dot", reply("END_OF_DATA", "452 4.3.1 no space left"), why="452 4.3.1 no space left"),
    over("550 after the final dot", reply("END_OF_DATA", "550 5.7.1 looks like spam"), why="550 5.7.1 looks like spam"),
    over(
        "552 after the final dot",
        reply("END_OF_DATA", "552 5.3.4 message too large"),
        why="552 5.3.4 message too large",
    ),
    over("553 after the final dot", reply("END_OF_DATA", "553 5.7.1 not allowed"), why="553 5.7.1 not allowed"),
    over("554 after the final dot", reply("END_OF_DATA", "554 5.6.0 content refused"), why="554 5.6.0 content refused"),
    unknown("answers the final dot with something else", raw("END_OF_DATA", GARBAGE), taken=0),
    unknown("answers the final dot with lines without an end", raw("END_OF_DATA", FLOOD)),
    sent("never answers QUIT", hang("QUIT"), settings={"messages_per_connection": 1}),
    sent("drops at QUIT", drop("QUIT"), settings={"messages_per_connection": 1}),
    sent("421 at QUIT", reply("QUIT", "421 4.3.0 closing"), settings={"messages_per_connection": 1}),
]


def as_documented(text: str, server: str, settings: DeliverySettings) -> str:
    """`text` as it stands in the table: with the waits of the defaults, and another name for the `server`."""
    host = server.partition(":")[0]
    text = text.replace(server, "mail.example:587").replace(host, "mail.example")
    for name in WAITS:
        text = text.replace(f"within {getattr(settings, name):g} s", f"within {getattr(DeliverySettings(), name):g} s")
    return text


def table() -> str:
    lines = [
        "| the server | the message | the account | again after | the reason that is told |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {one.status} | {one.account} | {one.retry or 'never'} | {_told(one)} |" for one in FAULTS
    ]
    return "\n".join(lines)


def _told(fault: Fault) -> str:
    return fault.why or fault.sentence.partition(";")[0].rstrip(".")


def section(text: str) -> str:
    """What `text` has for a table."""
    return text.partition(BEGIN)[2].partition(END)[0].strip()


if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(text.replace(section(text), table()), encoding="utf-8")
