import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.mail.addresses import Address
from appliance.mail.headers import InvalidHeader
from appliance.mail.mime import Content, Part, render

ANN = Address("ann@example.com", "Ann")
PDF = Part("report.pdf", "application/pdf", bytes(range(256)) * 10)
LOGO = Part("logo.png", "image/png", b"\x89PNG", content_id="logo")


def content(**overrides: Any) -> Content:
    fields: dict[str, Any] = {
        "sender": Address("shop@example.com", "The Shop"),
        "to": (ANN,),
        "subject": "Hello",
        "message_id": "<1@example.com>",
        "date": datetime(2026, 11, 24, 8, 30, tzinfo=UTC),
        "text": "Hello Ann\n",
    }
    return Content(**{**fields, **overrides})


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert [part.defects for part in message.walk() if part.defects] == []
    return message


def shape(part: Any) -> Any:
    kind = part.get_content_type()
    return [kind, *map(shape, part.iter_parts())] if part.is_multipart() else kind


def test_message_has_the_fields_that_every_message_needs() -> None:
    message = parsed(render(content(cc=(Address("bob@example.com"),), reply_to=(Address("help@example.com"),))))

    assert dict(message.items()) == {
        "Content-Type": 'text/plain; charset="us-ascii"',
        "Content-Transfer-Encoding": "7bit",
        "From": "The Shop <shop@example.com>",
        "To": "Ann <ann@example.com>",
        "Cc": "bob@example.com",
        "Reply-To": "help@example.com",
        "Subject": "Hello",
        "Message-ID": "<1@example.com>",
        "Date": "Tue, 24 Nov 2026 08:30:00 +0000",
        "MIME-Version": "1.0",
    }


def test_message_to_bcc_recipients_alone_names_nobody() -> None:
    assert parsed(render(content(to=())))["To"] == "undisclosed-recipients:;"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, "text/plain"),
        ({"text": None}, "text/plain"),
        ({"html": "<p>Hi</p>"}, ["multipart/alternative", "text/plain", "text/html"]),
        ({"html": "<p>Hi</p>", "text": None}, ["multipart/alternative", "text/plain", "text/html"]),
        ({"attachments": (PDF,)}, ["multipart/mixed", "text/plain", "application/pdf"]),
        ({"attachments": (LOGO,)}, ["multipart/mixed", "text/plain", "image/png"]),
        (
            {"html": '<img src="cid:logo">', "attachments": (LOGO, PDF)},
            [
                "multipart/mixed",
                ["multipart/alternative", "text/plain", ["multipart/related", "text/html", "image/png"]],
                "application/pdf",
            ],
        ),
    ],
)
def test_structure_follows_from_what_there_is(parts: dict[str, Any], expected: Any) -> None:
    assert shape(parsed(render(content(**parts)))) == expected


def test_text_alternative_is_derived_from_html() -> None:
    message = parsed(render(content(text=None, html="<p>Hello <b>Ann</b></p>")))

    plain = message.get_body(("plain",))
    assert plain is not None
    assert plain.get_content() == "Hello Ann\r\n"


def test_inline_image_is_found_by_its_content_id() -> None:
    message = parsed(render(content(html='<img src="cid:logo">', attachments=(LOGO,))))

    image = next(part for part in message.walk() if part.get_content_type() == "image/png")
    assert image["Content-ID"] == "<logo>"
    assert image.get_content_disposition() == "inline"


def test_attachment_arrives_byte_for_byte() -> None:
    (attachment,) = parsed(render(content(attachments=(PDF,)))).iter_attachments()

    assert attachment.get_content() == PDF.content
    assert attachment.get_content_disposition() == "attachment"


@pytest.mark.parametrize(
    ("name", "arrives_as"),
    [
        ("report.pdf", "report.pdf"),
        ('say "hi" now.pdf', 'say "hi" now.pdf'),
        ("报告.pdf", "报告.pdf"),
        ("übersicht " * 20 + ".pdf", "übersicht " * 20 + ".pdf"),
        ("a" * 200 + ".pdf", "a" * 200 + ".pdf"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("a\r\nBcc: eve@example.com", "a__Bcc: eve@example.com"),
        ("", "attachment"),
    ],
)
def test_file_name_survives_and_does_no_harm(name: str, arrives_as: str) -> None:
    raw = render(content(attachments=(Part(name, "application/pdf", b"x"),)))

    (attachment,) = parsed(raw).iter_attachments()
    assert attachment.get_filename() == arrives_as


@pytest.mark.parametrize(
    "declared", ["message/rfc822", "multipart/mixed", "nonsense", "text/plain\r\nX-Evil: 1", "", 'text/csv; a="\\"']
)
def test_content_type_that_cannot_be_base64_or_is_none_becomes_a_plain_file(declared: str) -> None:
    (attachment,) = parsed(render(content(attachments=(Part("a", declared, b"x"),)))).iter_attachments()

    assert attachment.get_content_type() == "application/octet-stream"


def test_content_type_keeps_its_parameters() -> None:
    raw = render(content(attachments=(Part("a.csv", "text/csv; charset=utf-8", "ä".encode()),)))

    (attachment,) = parsed(raw).iter_attachments()
    assert attachment.get_content() == "ä"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain\n", "7bit"),
        ("x" * 999, "quoted-printable"),
        ("a nul \0 is not allowed as it is", "quoted-printable"),
        ("mostly ASCII, with an ä\n", "quoted-printable"),
        ("你好世界\n" * 20, "base64"),
    ],
)
def test_body_is_seven_bit_safe_in_the_shorter_encoding(text: str, encoding: str) -> None:
    raw = render(content(text=text))

    message = parsed(raw)
    assert message["Content-Transfer-Encoding"] == encoding
    assert message.get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
    assert raw.isascii()


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=2000),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=2000),
)
def test_any_bodies_survive_within_the_limits_of_the_wire(text: str, html: str) -> None:
    raw = render(content(text=text, html=html))

    assert b"\0" not in raw
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    leaves = [part for part in parsed(raw).walk() if not part.is_multipart()]
    for part, written in zip(leaves, (text, html), strict=True):
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        lines = written.replace("\r\n", "\n").replace("\r", "\n")
        assert payload.decode().replace("\r\n", "\n") == lines


def test_lone_surrogate_becomes_a_question_mark() -> None:
    assert parsed(render(content(text="a\ud800b"))).get_content() == "a?b"


def test_address_beyond_ascii_is_written_as_it_is() -> None:
    raw = render(content(to=(Address("用户@example.com", "用户"),)))

    assert "<用户@example.com>".encode() in raw


def test_same_content_gives_the_same_bytes() -> None:
    whole = content(html="<p>Hi</p>", attachments=(PDF, LOGO))

    assert render(whole) == render(whole)


def test_headers_of_its_own_are_written() -> None:
    message = parsed(render(content(headers={"X-Order": "17 ü", "List-Unsubscribe": "<https://example.com/u>"})))

    assert message["X-Order"] == "17 ü"
    assert message["List-Unsubscribe"] == "<https://example.com/u>"


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": "a\r\nBcc: eve@example.com"},
        {"headers": {"Bcc": "eve@example.com"}},
        {"headers": {"X-Order": "1\nBcc: eve@example.com"}},
        {"message_id": "<1@example.com>\r\nBcc: eve@example.com"},
        {"sender": Address("shop@example.com", "Shop\nBcc: eve@example.com")},
    ],
)
def test_no_field_can_smuggle_in_another(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidHeader):
        render(content(**wrong))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Hello Ann, this is a line.\n" * 20_000, "7bit"),
        ("é and much that is ASCII \n" * 20_000, "quoted-printable"),
        ("a line without an end " * 30_000, "quoted-printable"),
        ("你好" * 100_000, "base64"),
        ("x\r\n" * 200_000, "7bit"),
        ("x" * 65_535 + "\r\n" + "y" * 70_000, "quoted-printable"),
    ],
)
def test_long_body_is_written_piece_by_piece_and_arrives_whole(text: str, encoding: str) -> None:
    [part] = [parsed(render(content(text=text)))]

    assert part["Content-Transfer-Encoding"] == encoding
    assert part.get_payload(decode=True) == text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
    assert max(map(len, render(content(text=text)).split(b"\r\n"))) <= 998
