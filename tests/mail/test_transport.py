import pytest

from appliance.mail.addresses import InvalidAddress
from appliance.mail.transport import Reply
from tests.mail.conftest import envelope


@pytest.mark.parametrize(
    ("raw", "text", "enhanced"),
    [
        (b"5.1.1 no such user", "5.1.1 no such user", "5.1.1"),
        (b"5.7.1 Our policy\n5.7.1 forbids it\n5.7.1 https://x", "5.7.1 Our policy forbids it https://x", "5.7.1"),
        (b"two\nlines", "two lines", ""),
        (b"5.1 half a code", "5.1 half a code", ""),
        (b"\x1b[31mred\x00", "[31mred", ""),
        (b"\xff", "\ufffd", ""),
        (b"", "", ""),
    ],
)
def test_reply_is_one_printable_line_with_its_enhanced_code(raw: bytes, text: str, enhanced: str) -> None:
    reply = Reply.of(550, raw)

    assert (reply.text, reply.enhanced) == (text, enhanced)


def test_reply_is_bounded() -> None:
    assert len(Reply.of(550, b"x" * 100_000).text) == 500


@pytest.mark.parametrize(
    ("reply", "temporary"),
    [
        (Reply(451, "4.7.1 greylisted"), True),
        (Reply(550, "5.1.1 no such user"), False),
        (Reply(552, "5.5.3 too many recipients"), True),
        (Reply(552, "Too many recipients"), True),
        (Reply(552, "5.2.2 mailbox full"), False),
        (Reply(None, ""), True),
    ],
)
def test_reply_says_whether_to_try_again(reply: Reply, temporary: bool) -> None:
    assert reply.temporary is temporary


def test_reply_reads_as_the_server_said_it() -> None:
    assert str(Reply(550, "5.1.1 no such user")) == "550 5.1.1 no such user"
    assert str(Reply(250, "")) == "250"


@pytest.mark.parametrize("address", ["a@example.com>\r\nDATA", "a b@example.com", "<a@example.com", "a\0@example.com"])
def test_envelope_refuses_an_address_that_could_end_the_command(address: str) -> None:
    with pytest.raises(InvalidAddress):
        envelope(address)
    with pytest.raises(InvalidAddress):
        envelope(mail_from=address)


def test_envelope_without_recipients_is_refused() -> None:
    with pytest.raises(InvalidAddress, match="at least one"):
        envelope(rcpt_to=())


def test_null_sender_is_allowed() -> None:
    assert envelope(mail_from="").mail_from == ""


@pytest.mark.parametrize(
    ("overrides", "needed"),
    [
        ({}, False),
        ({"data": "Subject: x\r\n\r\nBody with ü\r\n".encode()}, False),
        ({"data": "To: ü@example.com\r\n\r\nBody\r\n".encode()}, True),
        ({"mail_from": "ü@example.com"}, True),
        ({"rcpt_to": ("ann@example.com", "ü@example.com")}, True),
    ],
)
def test_smtputf8_is_needed_for_addresses_and_headers_only(overrides: dict[str, object], needed: bool) -> None:
    assert envelope(**overrides).smtputf8 is needed
