"""The port between delivery and the servers: what goes in, what comes back, and what each failure means.

The class of an error decides what delivery does: an account's error moves on to the next account, and so does that of a
server that is not fit for a message; a temporary one waits, a permanent one fails the message, refused recipients fail
alone, and `[delivery] on_uncertain` says what becomes of an uncertain one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Protocol

from appliance.errors import ApplianceError
from appliance.mail import smtp_words
from appliance.mail.addresses import InvalidAddress

_REPLY_LIMIT = 500
_UNSAFE_IN_PATH = re.compile(r"[\x00-\x20\x7f<>\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?!\S)")


class Stage(StrEnum):
    """How far a transaction got."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    END_OF_DATA = "end_of_data"

    @property
    def place(self) -> str:
        """Goes on after what happened there: "closed the connection" + " at RCPT"."""
        return _PLACES.get(self, "")


_PLACES = {Stage.GREETING: smtp_words.AT_GREETING} | {
    stage: smtp_words.AT_COMMAND % {"command": stage.upper()}
    for stage in (Stage.EHLO, Stage.STARTTLS, Stage.AUTH, Stage.MAIL, Stage.RCPT, Stage.DATA)
}


@dataclass(frozen=True)
class Envelope:
    """One message on its way: canonical addresses (an empty `mail_from` is the null sender) and RFC 5322 bytes."""

    mail_from: str
    rcpt_to: tuple[str, ...]
    data: bytes
    message_id: str
    subject: str = ""

    def __post_init__(self) -> None:
        """Raises InvalidAddress: what could end the command early must not reach a server."""
        for address in (self.mail_from, *self.rcpt_to):
            if _UNSAFE_IN_PATH.search(address):
                raise InvalidAddress(f"{address!r} cannot stand in an SMTP command.")
        if not self.rcpt_to:
            raise InvalidAddress("An envelope needs at least one recipient.")

    @cached_property
    def smtputf8(self) -> bool:
        """Whether it needs SMTPUTF8 (RFC 6531): an address or a header field that is not ASCII. A body does not."""
        if not all(address.isascii() for address in (self.mail_from, *self.rcpt_to)):
            return True
        return not self.data.isascii() and not self.data[: self.data.find(b"\r\n\r\n")].isascii()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said, on one line and bounded, with its enhanced status code. `code` None: it said nothing."""

    code: int | None
    text: str

    @classmethod
    def of(cls, code: int, raw: bytes) -> "Reply":
        """From the lines after the code, joined by LF; an enhanced code that every line repeats is kept once."""
        first, *others = raw[: 4 * _REPLY_LIMIT].decode(errors="replace").split("\n")
        enhanced = _ENHANCED.match(first)
        repeated = enhanced[0] if enhanced else "\n"
        text = " ".join([first, *(line.removeprefix(repeated).strip() for line in others)])
        return cls(code, _CONTROL.sub(" ", text).strip()[:_REPLY_LIMIT])

    def __str__(self) -> str:
        return self.text if self.code is None else f"{self.code} {self.text}".rstrip()

    @property
    def enhanced(self) -> str:
        """The enhanced status code of RFC 3463, such as `5.1.1`; empty when the server gave none."""
        match = _ENHANCED.match(self.text)
        return match[1] if match else ""

    @property
    def temporary(self) -> bool:
        """Of a refusal: whether to try again makes sense. Too many recipients: even as 552 (RFC 5321 4.5.3.1.10)."""
        if self.code is None or self.code < 500:
            return True
        return self.code == 552 and (self.enhanced == "5.5.3" or "too many recipients" in self.text.lower())


SILENCE = Reply(None, "")
_NOBODY: Mapping[str, Reply] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SendResult:
    """The server took the message for at least one recipient; `refused` has the others, with 4yz and 5yz replies."""

    server: str
    reply: Reply
    refused: Mapping[str, Reply] = field(default_factory=dict)


class TransportError(ApplianceError):
    """The message was not (or not certainly) taken. The text is for people; `server` is `host:port`."""

    def __init__(
        self,
        message: str,
        *,
        stage: Stage,
        server: str,
        reply: Reply = SILENCE,
        refused: Mapping[str, Reply] = _NOBODY,
    ) -> None:
        super().__init__(message)
        self.stage = stage
        self.server = server
        self.reply = reply
        self.refused = refused


class AccountTransportError(TransportError):
    """The sender account or its server cannot be used, whatever the message: try another account."""


class TemporaryTransportError(TransportError):
    """Not taken, for now: the server said 4yz or fell silent before it had the whole message. Try again later."""


class PermanentTransportError(TransportError):
    """This message will not be taken, however often it is tried."""


class UnfitTransportError(PermanentTransportError):
    """This server is not able to take this message (its size, its addresses). Its account is well; another may do."""


class RecipientsRefused(TransportError):
    """Every recipient was refused, at least one for good: `refused` has the reply for each."""


class UncertainTransportError(TransportError):
    """The whole message was handed over and no reply was seen: the server may have taken it, or not."""


class Transport(Protocol):
    """Safe to use from several greenlets or threads at once."""

    def send(self, envelope: Envelope) -> SendResult:
        """Raises one of the errors above unless the server took the message for at least one recipient."""

    def close(self) -> None:
        """Lets go of every connection, within a bounded time. Harmless twice."""
