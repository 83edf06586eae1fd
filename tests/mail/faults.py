"""Every fault of a server: how the sink acts it out, and what the transport must make of it."""

from collections.abc import Callable

from appliance.mail.transport import (
    AccountTransportError,
    PermanentTransportError,
    RecipientsRefused,
    Stage,
    TemporaryTransportError,
    TransportError,
    UncertainTransportError,
    UnfitTransportError,
)
from tests.smtp_sink import SmtpSink

Script = Callable[[SmtpSink], None]

FLOOD = b"250-and another line\r\n" * 20_000

FAULTS: list[tuple[str, Script, type[TransportError], Stage, int | None]] = [
    ("dropped at once", lambda s: s.drop("CONNECT"), AccountTransportError, Stage.GREETING, None),
    ("no greeting", lambda s: s.hang("GREETING"), AccountTransportError, Stage.GREETING, None),
    ("no service", lambda s: s.reply("GREETING", "554 5.3.2 no"), AccountTransportError, Stage.GREETING, 554),
    ("too busy", lambda s: s.reply("GREETING", "421 4.3.2 busy"), AccountTransportError, Stage.GREETING, 421),
    ("another protocol", lambda s: s.raw("GREETING", b"SSH-2.0-x\r\n"), AccountTransportError, Stage.GREETING, None),
    ("endless greeting", lambda s: s.raw("GREETING", b"2" * 99_999), AccountTransportError, Stage.GREETING, None),
    (
        "trickled greeting",
        lambda s: s.trickle("GREETING", b"220 x" * 99, 0.05),
        AccountTransportError,
        Stage.GREETING,
        None,
    ),
    ("EHLO refused", lambda s: _refuse_hello(s, "550 5.7.1 who?"), AccountTransportError, Stage.EHLO, 550),
    ("EHLO later", lambda s: s.reply("EHLO", "451 4.3.0 later"), AccountTransportError, Stage.EHLO, 451),
    ("EHLO unanswered", lambda s: s.hang("EHLO"), AccountTransportError, Stage.EHLO, None),
    ("EHLO floods", lambda s: s.raw("EHLO", FLOOD), AccountTransportError, Stage.EHLO, None),
    ("sender refused", lambda s: s.reply("MAIL", "553 5.7.1 not yours"), AccountTransportError, Stage.MAIL, 553),
    ("sender later", lambda s: s.reply("MAIL", "450 4.7.1 later"), TemporaryTransportError, Stage.MAIL, 450),
    ("no space", lambda s: s.reply("MAIL", "452 4.3.1 disk full"), TemporaryTransportError, Stage.MAIL, 452),
    ("too large", lambda s: s.reply("MAIL", "552 too large"), UnfitTransportError, Stage.MAIL, 552),
    ("too large, enhanced", lambda s: s.reply("MAIL", "554 5.3.4 large"), UnfitTransportError, Stage.MAIL, 554),
    ("content refused", lambda s: s.reply("MAIL", "550 5.6.7 no"), UnfitTransportError, Stage.MAIL, 550),
    ("closing at MAIL", lambda s: s.reply("MAIL", "421 4.3.2 bye"), AccountTransportError, Stage.MAIL, 421),
    ("dropped at MAIL", lambda s: s.drop("MAIL"), AccountTransportError, Stage.MAIL, None),
    ("MAIL unanswered", lambda s: s.hang("MAIL"), AccountTransportError, Stage.MAIL, None),
    ("MAIL floods", lambda s: s.raw("MAIL", FLOOD), AccountTransportError, Stage.MAIL, None),
    ("nobody known", lambda s: s.reply("RCPT", "550 5.1.1 who?"), RecipientsRefused, Stage.RCPT, 550),
    ("greylisted", lambda s: s.reply("RCPT", "451 4.7.1 later"), TemporaryTransportError, Stage.RCPT, 451),
    ("closing at RCPT", lambda s: s.reply("RCPT", "421 4.7.0 bye"), TemporaryTransportError, Stage.RCPT, 421),
    ("dropped at RCPT", lambda s: s.drop("RCPT"), TemporaryTransportError, Stage.RCPT, None),
    ("DATA refused", lambda s: s.reply("DATA", "554 5.7.1 spam"), PermanentTransportError, Stage.DATA, 554),
    ("DATA later", lambda s: s.reply("DATA", "451 4.3.0 later"), TemporaryTransportError, Stage.DATA, 451),
    ("DATA misunderstood", lambda s: s.reply("DATA", "250 fine"), TemporaryTransportError, Stage.DATA, 250),
    ("dropped at DATA", lambda s: s.drop("DATA"), TemporaryTransportError, Stage.DATA, None),
    ("DATA unanswered", lambda s: s.hang("DATA"), TemporaryTransportError, Stage.DATA, None),
    (
        "content spam",
        lambda s: s.reply("END_OF_DATA", "550 5.7.1 spam"),
        PermanentTransportError,
        Stage.END_OF_DATA,
        550,
    ),
    ("content later", lambda s: s.reply("END_OF_DATA", "451 4.3.0 x"), TemporaryTransportError, Stage.END_OF_DATA, 451),
    ("closing at the end", lambda s: s.reply("END_OF_DATA", "421 x"), TemporaryTransportError, Stage.END_OF_DATA, 421),
    ("dropped at the end", lambda s: s.drop("END_OF_DATA"), UncertainTransportError, Stage.END_OF_DATA, None),
    ("no verdict", lambda s: s.hang("END_OF_DATA"), UncertainTransportError, Stage.END_OF_DATA, None),
    ("garbage verdict", lambda s: s.raw("END_OF_DATA", b"ok!\r\n"), UncertainTransportError, Stage.END_OF_DATA, None),
    ("odd verdict", lambda s: s.reply("END_OF_DATA", "354 more"), UncertainTransportError, Stage.END_OF_DATA, None),
    ("flooding verdict", lambda s: s.raw("END_OF_DATA", FLOOD), UncertainTransportError, Stage.END_OF_DATA, None),
]


def _refuse_hello(sink: SmtpSink, reply: str) -> None:
    sink.reply("EHLO", reply)
    sink.reply("HELO", reply)
