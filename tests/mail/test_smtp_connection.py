"""One transaction after another: parameters, recipients, and the bytes of the message."""

from collections.abc import Callable

import pytest

from appliance.config.settings import DeliverySettings
from appliance.mail.smtp import SmtpTransport
from appliance.mail.transport import (
    RecipientsRefused,
    Stage,
    TemporaryTransportError,
    UncertainTransportError,
    UnfitTransportError,
)
from tests.mail.conftest import envelope
from tests.smtp_sink import SmtpSink

MakeTransport = Callable[..., SmtpTransport]
HEADER = b"Subject: Hello\r\n\r\n"
LARGE = HEADER + b"0123456789" * 7 * 400_000  # more than the sockets hold, so that a server can go in the middle


def test_some_recipients_refused_is_a_result_with_their_replies(sink: SmtpSink, transport_to: MakeTransport) -> None:
    sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: "bad" in line)
    sink.reply("RCPT", "451 4.2.1 try later", when=lambda line: "slow" in line)

    result = transport_to(sink).send(envelope("bad@example.com", "ann@example.com", "slow@example.com"))

    assert {address: str(reply) for address, reply in result.refused.items()} == {
        "bad@example.com": "550 5.1.1 no such user",
        "slow@example.com": "451 4.2.1 try later",
    }
    assert sink.messages[0].rcpt_to == ("ann@example.com",)


def test_all_refused_with_one_for_good_names_every_reply(sink: SmtpSink, transport_to: MakeTransport) -> None:
    sink.reply("RCPT", "451 4.2.1 try later", when=lambda line: "slow" in line)
    sink.reply("RCPT", "550 5.1.1 no such user")

    with pytest.raises(RecipientsRefused, match="refused all 2 recipients") as raised:
        transport_to(sink).send(envelope("slow@example.com", "bad@example.com"))

    assert {address: reply.code for address, reply in raised.value.refused.items()} == {
        "slow@example.com": 451,
        "bad@example.com": 550,
    }
    assert raised.value.reply.code == 550


def test_all_refused_for_now_is_temporary_with_every_reply(sink: SmtpSink, transport_to: MakeTransport) -> None:
    sink.reply("RCPT", "452 4.5.3 too many recipients", times=1)
    sink.reply("RCPT", "451 4.2.1 try later")

    with pytest.raises(TemporaryTransportError) as raised:
        transport_to(sink).send(envelope("ann@example.com", "bob@example.com"))

    assert [reply.code for reply in raised.value.refused.values()] == [452, 451]


def test_connection_serves_the_next_message_after_a_refusal(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport = transport_to(sink)
    sink.reply("RCPT", "550 5.1.1 no such user", times=1)
    with pytest.raises(RecipientsRefused):
        transport.send(envelope("bad@example.com"))

    transport.send(envelope("ann@example.com"))

    assert "RSET" in sink.commands
    assert (sink.connections, sink.messages[0].rcpt_to) == (1, ("ann@example.com",))


def test_connection_that_cannot_be_reset_is_left(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport = transport_to(sink)
    sink.reply("RCPT", "550 5.1.1 no such user", times=1)
    sink.reply("RSET", "502 5.5.1 no such command")
    with pytest.raises(RecipientsRefused):
        transport.send(envelope("bad@example.com"))

    transport.send(envelope("ann@example.com"))

    assert sink.messages[0].connection == 2


def test_recipient_named_twice_is_asked_once(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport_to(sink).send(envelope("ann@example.com", "ann@example.com"))

    assert sink.messages[0].rcpt_to == ("ann@example.com",)


@pytest.mark.parametrize(
    ("extensions", "data", "parameters"),
    [
        (("SIZE 1000", "8BITMIME"), HEADER + b"ascii\r\n", "SIZE=25"),
        (("SIZE",), HEADER + b"ascii\r\n", "SIZE=25"),
        (("8BITMIME",), HEADER + "ü\r\n".encode(), "BODY=8BITMIME"),
        (("SIZE",), HEADER + "ü\r\n".encode(), "SIZE=22"),
        ((), HEADER + b"ascii\r\n", ""),
    ],
)
def test_parameters_follow_from_the_message_and_what_is_offered(
    transport_to: MakeTransport, extensions: tuple[str, ...], data: bytes, parameters: str
) -> None:
    with SmtpSink(extensions=extensions) as sink:
        transport_to(sink).send(envelope(data=data))

        assert sink.messages[0].parameters == parameters
        assert sink.messages[0].data == data


def test_smtputf8_is_used_where_it_is_needed_and_offered(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport_to(sink).send(envelope("用户@example.com"))

    assert sink.messages[0].rcpt_to == ("用户@example.com",)
    assert "SMTPUTF8" in sink.messages[0].parameters


def test_smtputf8_that_is_needed_and_not_offered_is_a_matter_of_this_server(transport_to: MakeTransport) -> None:
    with SmtpSink(extensions=("SIZE",)) as sink:
        transport = transport_to(sink)
        with pytest.raises(UnfitTransportError, match="does not offer SMTPUTF8"):
            transport.send(envelope("用户@example.com"))

        transport.send(envelope("ann@example.com"))

        assert [message.connection for message in sink.messages] == [1]


def test_message_above_the_size_that_is_offered_is_not_sent_at_all(transport_to: MakeTransport) -> None:
    with SmtpSink(extensions=("SIZE 100",)) as sink:
        with pytest.raises(UnfitTransportError, match="at most 100 bytes; this one has 218"):
            transport_to(sink).send(envelope(data=HEADER + b"x" * 200))

        assert [command for command in sink.commands if command.startswith("MAIL")] == []


@pytest.mark.parametrize(
    ("body", "arrives_as"),
    [
        (b".\r\nafter a dot\r\n..\r\n", b".\r\nafter a dot\r\n..\r\n"),
        (b"no end of line", b"no end of line\r\n"),
        (b"", b""),
        (b"a\nb\rc\r\n", b"a\r\nb\r\nc\r\n"),
        (b"end\n.\nMAIL FROM:<eve@example.com>\r\n", b"end\r\n.\r\nMAIL FROM:<eve@example.com>\r\n"),
        (b"end\r\n.\rMAIL FROM:<eve@example.com>\r\n", b"end\r\n.\r\nMAIL FROM:<eve@example.com>\r\n"),
        (b"a\r\r\nb\n\r\n", b"a\r\n\r\nb\r\n\r\n"),
    ],
)
def test_body_arrives_whole_and_ends_where_it_ends(
    sink: SmtpSink, transport_to: MakeTransport, body: bytes, arrives_as: bytes
) -> None:
    transport_to(sink).send(envelope(data=HEADER + body))

    assert [message.data for message in sink.messages] == [HEADER + arrives_as]


def test_message_that_starts_with_a_dot_is_stuffed(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport_to(sink).send(envelope(data=b".\r\n.x\r\n"))

    assert sink.messages[0].data == b".\r\n.x\r\n"


def test_large_message_arrives_byte_for_byte(sink: SmtpSink, transport_to: MakeTransport) -> None:
    transport_to(sink, settings=DeliverySettings()).send(envelope(data=LARGE))

    assert sink.messages[0].data == LARGE + b"\r\n"


def test_connection_dropped_in_the_middle_of_the_body_is_temporary(sink: SmtpSink, transport_to: MakeTransport) -> None:
    sink.drop("MID_DATA")

    with pytest.raises(TemporaryTransportError) as raised:
        transport_to(sink).send(envelope(data=LARGE))

    assert raised.value.stage is Stage.DATA


def test_server_that_stops_reading_the_body_is_temporary(sink: SmtpSink, transport_to: MakeTransport) -> None:
    sink.hang("MID_DATA")

    with pytest.raises(TemporaryTransportError, match=r"did not answer within 0\.4 s"):
        transport_to(sink).send(envelope(data=LARGE))


def test_uncertain_says_that_the_server_had_the_message(sink: SmtpSink, transport_to: MakeTransport) -> None:
    sink.drop("END_OF_DATA")

    with pytest.raises(UncertainTransportError, match="It had the whole message by then"):
        transport_to(sink).send(envelope())

    assert sink.count == 1


@pytest.mark.parametrize(
    ("stage", "reply", "message"),
    [
        ("MAIL", "553 5.7.1 not yours", "127.0.0.1 refused the sender shop@example.com: 553 5.7.1 not yours"),
        ("RCPT", "550 5.1.1 who?", "127.0.0.1 refused the recipient: 550 5.1.1 who?"),
        (
            "END_OF_DATA",
            "550-5.7.1 We think\n550 5.7.1 this is spam",
            "127.0.0.1 refused the message: 550 5.7.1 We think this is spam",
        ),
    ],
)
def test_error_is_a_sentence_for_people(
    sink: SmtpSink, transport_to: MakeTransport, stage: str, reply: str, message: str
) -> None:
    sink.reply(stage, reply)

    with pytest.raises(Exception, match="refused") as raised:
        transport_to(sink).send(envelope())

    assert str(raised.value) == message


def test_server_that_answers_each_command_just_in_time_is_given_up_all_the_same(
    sink: SmtpSink, transport_to: MakeTransport
) -> None:
    sink.delay("RCPT", 0.2)
    settings = DeliverySettings(command_timeout=5, transaction_seconds=0.5)

    with pytest.raises(TemporaryTransportError, match=r"was not done within 0\.5 s at RCPT") as raised:
        transport_to(sink, settings=settings).send(envelope(*[f"ann{n}@example.com" for n in range(50)]))

    assert raised.value.stage is Stage.RCPT


def test_verdict_on_a_message_is_awaited_beyond_what_its_transaction_may_take(
    sink: SmtpSink, transport_to: MakeTransport
) -> None:
    sink.delay("END_OF_DATA", 0.6)
    settings = DeliverySettings(data_timeout=5, transaction_seconds=0.5)

    transport_to(sink, settings=settings).send(envelope())

    assert sink.count == 1


def test_kept_connection_has_the_whole_time_for_each_message(sink: SmtpSink, transport_to: MakeTransport) -> None:
    sink.delay("MAIL", 0.5)
    transport = transport_to(sink, settings=DeliverySettings(transaction_seconds=1.2))

    for _ in range(3):
        transport.send(envelope())

    assert [message.connection for message in sink.messages] == [1, 1, 1]
