"""The sink as a program, and the promises that other tests build on."""

import json
import signal
import smtplib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.smtp_sink import SmtpSink

PROGRAM = Path(__file__).with_name("smtp_sink.py")
MESSAGE = b"Message-ID: <7@example.com>\r\nSubject: x\r\n\r\n.dot\r\n"


def test_program_logs_each_message_before_it_answers(tmp_path: Path) -> None:
    log, count = tmp_path / "taken.jsonl", tmp_path / "count"
    arguments = [sys.executable, str(PROGRAM), "--log", str(log), "--count-file", str(count)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as program:
        assert program.stdout is not None
        port = int(program.stdout.readline().removeprefix("listening "))
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("a@example.com", ["b@example.com", "c@example.com"], MESSAGE)
        line = json.loads(log.read_text())
        program.send_signal(signal.SIGTERM)
        totals = program.stdout.read()

    assert (line["message_id"], line["rcpt_to"]) == ("<7@example.com>", ["b@example.com", "c@example.com"])
    assert totals == "received 1 messages over 1 connections\n"
    assert count.read_text() == "1\n"


def test_rule_applies_as_often_as_it_says() -> None:
    with SmtpSink() as sink, smtplib.SMTP(sink.host, sink.port) as client:
        sink.reply("MAIL", "451 4.3.0 later", times=2)
        client.ehlo()

        codes = [client.mail("a@example.com")[0] for _ in range(3)]

    assert codes == [451, 451, 250]


def test_refused_message_is_not_received() -> None:
    with SmtpSink() as sink, smtplib.SMTP(sink.host, sink.port) as client:
        sink.reply("END_OF_DATA", "550 5.7.1 spam", times=1)
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail("a@example.com", ["b@example.com"], MESSAGE)

        client.sendmail("a@example.com", ["b@example.com"], MESSAGE)

    assert [message.data for message in sink.messages] == [MESSAGE]


def test_pipelined_commands_are_answered_in_order() -> None:
    with SmtpSink() as sink, smtplib.SMTP(sink.host, sink.port) as client:
        client.send(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
        codes = [client.getreply()[0] for _ in range(4)]
        client.send(b"x\r\n.\r\nNOOP\r\n")
        codes += [client.getreply()[0] for _ in range(2)]

    assert codes == [250, 250, 250, 354, 250, 250]
    assert sink.messages[0].data == b"x\r\n"


def test_port_is_free_after_the_stop() -> None:
    first = SmtpSink()
    first.start()
    first.stop()
    first.stop()

    with SmtpSink(port=first.port) as second, smtplib.SMTP(second.host, second.port) as client:
        assert client.noop()[0] == 250
