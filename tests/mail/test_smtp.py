"""The transport over real sockets: what each fault of a server becomes, and how connections are kept."""

import socket
import threading
from collections.abc import Callable

import pytest

from appliance.config.settings import DeliverySettings
from appliance.mail.smtp import SmtpServer, SmtpTransport
from appliance.mail.transport import (
    AccountTransportError,
    Stage,
    TransportError,
    UncertainTransportError,
)
from tests.mail.conftest import envelope
from tests.mail.faults import FAULTS, Script
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

MakeTransport = Callable[..., SmtpTransport]


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

    with pytest.raises(AccountTransportError, match=r"Cannot connect to 127\.0\.0\.1:.*refused") as raised:
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


@pytest.mark.parametrize("script", [lambda s: s.reply("NOOP", "421 4.3.2 closing"), lambda s: s.drop("NOOP")])
def test_check_of_a_server_that_goes_away_after_the_login_fails(
    sink: SmtpSink, transport_to: MakeTransport, script: Script
) -> None:
    script(sink)

    with pytest.raises(AccountTransportError):
        transport_to(sink).check()


def test_hostname_that_could_end_the_command_is_not_said(sink: SmtpSink) -> None:
    from_outside = SmtpTransport(_server(sink), DeliverySettings(), "box\r\nMAIL FROM:<eve@example.com>")

    from_outside.check()

    assert sink.commands[0] == "EHLO localhost"


def test_password_shows_nowhere(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport = transport_to(sink, username="shop", password="s3cret")

    assert "s3cret" not in repr(transport.__dict__["_server"])


def _server(sink: SmtpSink) -> SmtpServer:
    return SmtpServer("127.0.0.1", sink.port, "none")
