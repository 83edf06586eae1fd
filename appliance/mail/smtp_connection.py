"""One open SMTP connection: a transaction after another (RFC 5321), and what each failure of them means.

The stage and the reply decide. Everything before the final dot can be tried again without harm.
"""

import re
from typing import NoReturn

from appliance.config.settings import DeliverySettings
from appliance.mail import smtp_words as words
from appliance.mail.smtp_opening import SmtpServer
from appliance.mail.smtp_wire import ConnectionLost, Wire
from appliance.mail.transport import (
    SILENCE,
    AccountTransportError,
    Envelope,
    PermanentTransportError,
    RecipientsRefused,
    Reply,
    SendResult,
    Stage,
    TemporaryTransportError,
    TransportError,
    UncertainTransportError,
    UnfitTransportError,
)

_BARE_NEWLINE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
CLOSING = 421


class SmtpConnection:
    """`usable` says whether another transaction may follow; `sent` how many messages the server took."""

    def __init__(self, wire: Wire, server: SmtpServer, settings: DeliverySettings) -> None:
        self._wire = wire
        self._server = server
        self._settings = settings
        self._stage = Stage.MAIL
        self._size_limit = _number(wire.esmtp_features.get("size", ""))
        self.sent = 0
        self.used_at = 0.0  # for the pool: when it was given back

    @property
    def usable(self) -> bool:
        return self._wire.connected

    def send(self, envelope: Envelope) -> SendResult:
        """One transaction. Whatever it raises, the connection is at a clean start again, or not `usable`."""
        self._wire.allow(self._settings.transaction_seconds)
        try:
            self._mail(envelope)
            refused = self._recipients(envelope)
            reply = self._data(envelope)
        except ConnectionLost as lost:
            raise self._broken(lost) from lost
        finally:
            self._wire.allow(None)
        self.sent += 1
        return SendResult(str(self._server), reply, refused)

    def noop(self) -> Reply:
        """Whether it would go on to take messages. Raises AccountTransportError."""
        try:
            reply = Reply.of(*self._wire.docmd("NOOP"))
        except ConnectionLost as lost:
            raise self._error(AccountTransportError, words.LOST, what=lost.reason, place="") from lost
        if reply.code != 250:
            raise self._error(AccountTransportError, words.NOT_READY, reply)
        return reply

    def say_goodbye(self) -> None:
        """Sends QUIT without waiting for the answer. Never raises."""
        try:
            self._wire.patience = 1.0
            self._wire.putcmd("QUIT")
        except ConnectionLost:
            self.close()

    def hear_goodbye(self, seconds: float) -> None:
        """Waits for the answer to QUIT, at most `seconds`, and closes. Never raises."""
        self._wire.patience = seconds
        try:
            if self.usable and seconds > 0:
                self._wire.getreply()
        except ConnectionLost:
            pass
        finally:
            self.close()

    def close(self) -> None:
        self._wire.close()

    def _mail(self, envelope: Envelope) -> None:
        self._stage = Stage.MAIL
        command = f"FROM:<{envelope.mail_from}>{self._parameters(envelope)}"
        reply = self._ask("MAIL", command)
        if reply.code == 250:
            return
        if reply.temporary:
            self._refuse_message(reply)
        self._reset()
        if _is_about_the_message(reply):
            raise self._error(UnfitTransportError, words.MESSAGE_REFUSED, reply)
        raise self._error(AccountTransportError, words.SENDER_REFUSED, reply, address=envelope.mail_from)

    def _parameters(self, envelope: Envelope) -> str:
        offered = self._wire.esmtp_features
        parameters = ""
        if "size" in offered:
            self._check_size(len(envelope.data))
            parameters += f" SIZE={len(envelope.data)}"
        if envelope.smtputf8:
            if "smtputf8" not in offered:
                raise self._error(UnfitTransportError, words.NO_SMTPUTF8)
            parameters += " SMTPUTF8"
        if "8bitmime" in offered and not envelope.data.isascii():
            parameters += " BODY=8BITMIME"
        return parameters

    def _check_size(self, size: int) -> None:
        if 0 < self._size_limit < size:
            raise self._error(UnfitTransportError, words.TOO_LARGE, most=self._size_limit, size=size)

    def _recipients(self, envelope: Envelope) -> dict[str, Reply]:
        self._stage = Stage.RCPT
        replies = {address: self._ask("RCPT", f"TO:<{address}>") for address in dict.fromkeys(envelope.rcpt_to)}
        refused = {address: reply for address, reply in replies.items() if not 200 <= (reply.code or 0) < 300}
        if len(refused) < len(replies):
            return refused
        self._reset()
        first = next(iter(refused.values()))
        sentence = words.RECIPIENT_REFUSED if len(refused) == 1 else words.RECIPIENTS_REFUSED
        count = len(refused)
        if all(reply.temporary for reply in refused.values()):
            raise self._error(TemporaryTransportError, sentence, first, refused, count=count)
        worst = next(reply for reply in refused.values() if not reply.temporary)
        raise self._error(RecipientsRefused, sentence, worst, refused, count=count)

    def _data(self, envelope: Envelope) -> Reply:
        self._stage = Stage.DATA
        reply = self._ask("DATA")
        if reply.code != 354:
            self._refuse_message(reply)
        self._wire.put_data(_dot_stuffed(envelope.data))
        self._stage = Stage.END_OF_DATA
        reply = self._await_verdict()
        if not 200 <= (reply.code or 0) < 300:
            self._refuse_message(reply)
        return reply

    def _await_verdict(self) -> Reply:
        self._wire.patience = self._settings.data_timeout
        self._wire.allow(None)  # giving up now might send it twice: RFC 5321 section 4.5.3.2.6 has a wait of its own
        reply = self._read()
        self._wire.patience = self._settings.command_timeout
        if 300 <= (reply.code or 0) < 400:
            self.close()
            raise ConnectionLost(words.NEITHER_YES_NOR_NO % {"reply": reply})
        return reply

    def _ask(self, verb: str, arguments: str = "") -> Reply:
        self._wire.putcmd(verb, arguments)
        return self._read()

    def _read(self) -> Reply:
        reply = Reply.of(*self._wire.getreply())
        if reply.code == CLOSING:
            self.close()
            place = self._stage.place
            raise self._error(self._parted(), words.LOST_WITH_REPLY, reply, what=words.CLOSED, place=place)
        return reply

    def _refuse_message(self, reply: Reply) -> NoReturn:
        kind = TemporaryTransportError if reply.temporary else PermanentTransportError
        self._reset()
        raise self._error(kind, words.MESSAGE_REFUSED, reply)

    def _reset(self) -> None:
        """Ends the transaction; a server that cannot even do that is left, and the error at hand goes on."""
        try:
            code, _ = self._wire.docmd("RSET")
        except ConnectionLost:
            return
        if code != 250:
            self.close()

    def _broken(self, lost: ConnectionLost) -> TransportError:
        reply = Reply.of(*lost.said) if lost.said else SILENCE
        kind, sentence = self._parted(), words.LOST_WITH_REPLY if lost.said else words.LOST
        if self._stage is Stage.END_OF_DATA:
            kind = UncertainTransportError
            sentence = words.LOST_AT_THE_END_WITH_REPLY if lost.said else words.LOST_AT_THE_END
        elif self._stage is Stage.DATA and not reply.temporary:
            kind = PermanentTransportError
        return self._error(kind, sentence, reply, what=lost.reason, place=self._stage.place)

    def _parted(self) -> type[TransportError]:
        """What it means that the server went: nothing of the message at MAIL, where it knows only the sender."""
        return AccountTransportError if self._stage is Stage.MAIL else TemporaryTransportError

    def _error(
        self,
        kind: type[TransportError],
        sentence: str,
        reply: Reply = SILENCE,
        refused: dict[str, Reply] | None = None,
        **facts: object,
    ) -> TransportError:
        """`sentence` is one of `smtp_words`."""
        message = sentence % {"host": self._server.host, "reply": reply, **facts}
        return kind(message, stage=self._stage, server=str(self._server), reply=reply, refused=refused or {})


def _is_about_the_message(reply: Reply) -> bool:
    """Its size or its form, so that the sender account is not to blame."""
    return reply.code == 552 or reply.enhanced == "5.3.4" or reply.enhanced.startswith("5.6.")


def _number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,15}", text) else 0


def _dot_stuffed(data: bytes) -> bytes:
    """With the final dot (RFC 5321 section 4.5.2). A bare CR or LF becomes CRLF: servers that disagree about where a
    line ends could be made to see a second message in this one.
    """
    pairs = data.count(b"\r\n")
    if data.count(b"\r") != pairs or data.count(b"\n") != pairs:
        data = _BARE_NEWLINE.sub(b"\r\n", data)
    if b"\n." in data or data.startswith(b"."):
        data = (b"." if data.startswith(b".") else b"") + data.replace(b"\r\n.", b"\r\n..")
    return data + (b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n")
