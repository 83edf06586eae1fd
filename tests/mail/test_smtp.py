"""The transport over real sockets: what each fault of a server becomes, and how connections are kept."""

import socket
import threading
from collections.abc import Callable

import pytest

from appliance.config.settings import DeliverySettings
from appliance.mail.smtp import SmtpServer, SmtpTransport
from appliance.mail.transport import (
    AccountTransportError,
    PermanentTransportError,
    RecipientsRefused,
    Stage,
    TemporaryTransportError,
    TransportError,
    UncertainTransportError,
)
from tests.mail.conftest import envelope
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

MakeTransport = Callable[..., SmtpTransport]
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
    ("too large", lambda s: s.reply("MAIL", "552 too large"), PermanentTransportError, Stage.MAIL, 552),
    ("too large, enhanced", lambda s: s.reply("MAIL", "554 5.3.4 large"), PermanentTransportError, Stage.MAIL, 554),
    ("content refused", lambda s: s.reply("MAIL", "550 5.6.7 no"), PermanentTransportError, Stage.MAIL, 550),
    ("closing at MAIL", lambda s: s.reply("MAIL", "421 4.3.2 bye"), TemporaryTransportError, Stage.MAIL, 421),
    ("dropped at MAIL", lambda s: s.drop("MAIL"), TemporaryTransportError, Stage.MAIL, None),
    ("MAIL unanswered", lambda s: s.hang("MAIL"), TemporaryTransportError, Stage.MAIL, None),
    ("MAIL floods", lambda s: s.raw("MAIL", FLOOD), TemporaryTransportError, Stage.MAIL, None),
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


@pytest.mark.parametrize(
    ("script", "error", "stage", "code"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_fault_becomes_the_right_error(
    sink: SmtpSink,
    transport_to: MakeTransport,
    script: Script,
    error: type[TransportError],
    stage: Stage,
    code: int | None,
) -> None:
    script(sink)

    with pytest.raises(TransportError) as raised:
        transport_to(sink).send(envelope())

    assert (type(raised.value), raised.value.stage, raised.value.reply.code) == (error, stage, code)
    assert raised.value.server == f"127.0.0.1:{sink.port}"
    assert "127.0.0.1" in str(raised.value)


@pytest.mark.parametrize("script", [row[1] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_after_any_fault_the_next_message_goes_out(sink: SmtpSink, transport_to: MakeTransport, script: Script) -> None:
    transport = transport_to(sink)
    script(sink)
    with pytest.raises(TransportError):
        transport.send(envelope())
    sink.forget_rules()

    transport.send(envelope("bob@example.com"))

    assert sink.messages[-1].rcpt_to == ("bob@example.com",)


def test_message_is_taken_with_its_envelope(sink: SmtpSink, transport_to: MakeTransport) -> None:
    message = envelope("ann@example.com", "bob@example.com")

    result = transport_to(sink).send(message)

    (taken,) = sink.messages
    assert (taken.mail_from, taken.rcpt_to, taken.data) == ("shop@example.com", message.rcpt_to, message.data)
    assert (str(result.reply), dict(result.refused)) == ("250 2.0.0 taken", {})


def test_nobody_listening_is_an_account_error(transport_to: MakeTransport) -> None:
    with SmtpSink() as sink:
        transport = transport_to(sink)

    with pytest.raises(AccountTransportError, match="Cannot connect to 127.0.0.1:.*refused") as raised:
        transport.send(envelope())
    assert raised.value.stage is Stage.CONNECT


def test_server_that_accepts_no_connection_is_given_up_in_time(transport_to: MakeTransport, sink: SmtpSink) -> None:
    with socket.socket() as full, socket.socket() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting.connect(full.getsockname())  # fills the backlog, so that the next one gets no answer
        with pytest.raises(AccountTransportError) as raised:
            transport_to(sink, port=full.getsockname()[1]).send(envelope())

    assert raised.value.reply.code is None


def test_kept_connection_is_used_again(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport = transport_to(sink)

    for _ in range(5):
        transport.send(envelope())

    assert [message.connection for message in sink.messages] == [1, 1, 1, 1, 1]
    assert transport.statistics.sends == 5
    assert transport.statistics.connections == 1


@pytest.mark.parametrize(
    "script",
    [
        lambda s: s.drop("MAIL", times=1),
        lambda s: s.reply("MAIL", "421 4.4.2 idle", times=1),
        lambda s: s.drop_connections(),
    ],
    ids=["dropped", "421", "restarted"],
)
def test_dead_kept_connection_is_replaced_within_the_send(
    sink: SmtpSink, transport_to: MakeTransport, script: Script
) -> None:
    transport = transport_to(sink)
    transport.send(envelope())
    script(sink)

    transport.send(envelope())

    assert [message.connection for message in sink.messages] == [1, 2]


def test_kept_connection_that_breaks_after_data_is_not_tried_again(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport = transport_to(sink)
    transport.send(envelope())
    sink.drop("END_OF_DATA", times=1)

    with pytest.raises(UncertainTransportError):
        transport.send(envelope())

    assert sink.count == 2


def test_connection_that_was_idle_for_too_long_is_not_used(sink: SmtpSink, transport_to: MakeTransport) -> None:
    now = [0.0]
    transport = transport_to(sink, monotonic=lambda: now[0])
    transport.send(envelope())
    now[0] = 20.1

    transport.send(envelope())

    assert [message.connection for message in sink.messages] == [1, 2]


def test_prune_closes_what_is_idle_and_keeps_the_rest(sink: SmtpSink, transport_to: MakeTransport) -> None:
    now = [0.0]
    transport = transport_to(sink, monotonic=lambda: now[0])
    transport.send(envelope())
    now[0] = 19.0
    transport.prune()
    assert sink.open_connections == 1

    now[0] = 20.1
    transport.prune()

    wait_until(lambda: sink.open_connections == 0)
    assert sink.commands[-1] == "QUIT"


def test_connection_is_closed_after_its_share_of_messages(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport = transport_to(sink, settings=DeliverySettings(messages_per_connection=2))

    for _ in range(5):
        transport.send(envelope())

    assert [message.connection for message in sink.messages] == [1, 1, 2, 2, 3]


def test_many_greenlets_share_the_transport_without_mixing_messages(
    sink: SmtpSink, transport_to: MakeTransport
) -> None:
    sink.delay("RCPT", 0.002)
    transport = transport_to(sink, settings=DeliverySettings())

    def deliver(number: int) -> None:
        for turn in range(5):
            transport.send(envelope(f"p{number}.{turn}@example.com", data=f"\r\n{number}.{turn}\r\n".encode()))

    threads = [threading.Thread(target=deliver, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sink.count == 100
    assert sink.connections <= 20
    for message in sink.messages:
        assert message.rcpt_to[0] == f"p{message.data.decode().strip()}@example.com"


def test_close_says_quit_to_every_kept_connection_and_is_harmless_twice(
    sink: SmtpSink, transport_to: MakeTransport
) -> None:
    transport = transport_to(sink)
    transport.send(envelope())

    transport.close()
    transport.close()

    wait_until(lambda: sink.open_connections == 0)
    assert sink.commands[-1] == "QUIT"


def test_close_does_not_wait_for_a_server_that_never_says_goodbye(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport = transport_to(sink)
    transport.send(envelope())
    sink.hang("QUIT")

    transport.close()

    assert sink.commands[-1] == "QUIT"


def test_send_after_close_works_and_keeps_nothing(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport = transport_to(sink)
    transport.close()

    transport.send(envelope())

    wait_until(lambda: sink.open_connections == 0)
    assert sink.count == 1


def test_check_shows_the_dialogue_of_the_code_that_sends(sink: SmtpSink, transport_to: MakeTransport) -> None:
    dialogue: list[str] = []

    reply = transport_to(sink).check(dialogue)

    assert reply.code == 250
    assert [line for line in dialogue if line.startswith("C:")] == ["C: EHLO box.example", "C: NOOP", "C: QUIT"]
    assert dialogue[1] == "S: 220 sink.example ESMTP"
    assert dialogue[-1] == "S: 221 2.0.0 bye"


def test_check_that_fails_shows_how_far_it_came(sink: SmtpSink, transport_to: MakeTransport) -> None:
    sink.reply("EHLO", "451 4.3.0 later")
    dialogue: list[str] = []

    with pytest.raises(AccountTransportError):
        transport_to(sink).check(dialogue)

    assert dialogue[-1] == "S: 451 4.3.0 later"


def test_hostname_that_could_end_the_command_is_not_said(sink: SmtpSink) -> None:
    from_outside = SmtpTransport(_server(sink), DeliverySettings(), "box\r\nMAIL FROM:<eve@example.com>")

    from_outside.check()

    assert sink.commands[0] == "EHLO localhost"


def test_password_shows_nowhere(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport = transport_to(sink, username="shop", password="s3cret")

    assert "s3cret" not in repr(transport.__dict__["_server"])


def _server(sink: SmtpSink) -> SmtpServer:
    return SmtpServer("127.0.0.1", sink.port, "none")
