"""What the appliance wrote is read back as it was, whatever it said."""

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.mail.addresses import Address
from appliance.mail.mime import Content, Part, render
from appliance.services.kept_content import KeptContent, KeptFile, read

LINE = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1, max_size=90).map(
    lambda text: " ".join(text.split()) or "a"
)
BODY = st.lists(LINE, max_size=5).map("\n".join)
NAMES = st.one_of(st.just(""), LINE)
ADDRESSES = st.builds(Address, st.sampled_from(["ann@example.com", "jörg@example.com", "root@[192.0.2.1]"]), NAMES)
FILES = st.builds(
    Part,
    st.sampled_from(["a.txt", 'say "hello".pdf', "Rechnung für Köln.pdf", "发票" * 40 + ".pdf"]),
    st.sampled_from(["text/plain", "text/html", "application/pdf", 'text/csv; header="present"']),
    st.binary(max_size=300),
    st.sampled_from([None, "logo"]),
)


@given(
    sender=ADDRESSES,
    to=st.lists(ADDRESSES, max_size=3),
    cc=st.lists(ADDRESSES, max_size=3),
    reply_to=st.lists(ADDRESSES, max_size=2),
    headers=st.dictionaries(st.sampled_from(["X-Campaign", "List-Id", "In-Reply-To"]), LINE),
    text=BODY,
    html=st.one_of(st.none(), BODY),
    files=st.lists(FILES, max_size=3),
)
def test_a_mail_is_read_back_as_it_was_written(
    sender: Address,
    to: list[Address],
    cc: list[Address],
    reply_to: list[Address],
    headers: dict[str, str],
    text: str,
    html: str | None,
    files: list[Part],
) -> None:
    data = render(
        Content(
            sender=sender,
            to=tuple(to),
            cc=tuple(cc),
            reply_to=tuple(reply_to),
            subject="Hello",
            message_id="<1@example.com>",
            date=datetime(2026, 11, 24, 8, 30, tzinfo=UTC),
            text=text,
            html=html,
            headers=headers,
            attachments=tuple(files),
        )
    )

    found = read(data)

    assert (found.sender, found.to, found.cc, found.reply_to) == (sender, tuple(to), tuple(cc), tuple(reply_to))
    assert (found.headers, found.text, found.html) == (headers, text, html)
    told = sorted(found.files, key=repr)
    assert told == sorted((_kept(one) for one in files), key=repr)


def _kept(part: Part) -> KeptFile:
    return KeptFile(part.filename, part.content_type, part.content, part.content_id)


def test_what_is_no_address_any_more_is_left_out() -> None:
    mail = b"From: nobody in particular\r\nTo: undisclosed-recipients:;\r\n\r\nHello"

    assert read(mail) == KeptContent(text="Hello")


def test_what_another_program_wrote_is_understood_too() -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["X-Of"] = "Shop <shop@example.com>", "ann@example.com", "Grüße"
    mail.set_content("Grüße", cte="quoted-printable")
    mail.add_attachment(b"1,2", maintype="text", subtype="csv", filename="a.csv")

    found = read(mail.as_bytes())

    assert (found.sender, found.headers) == (Address("shop@example.com", "Shop"), {"X-Of": "Grüße"})
    assert found.text == "Grüße\n"
    assert [(one.filename, one.content) for one in found.files] == [("a.csv", b"1,2")]


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"Content-Type: text/plain; charset=no-such\r\n\r\nHello"])
def test_what_is_no_mail_is_read_without_an_error(data: bytes) -> None:
    assert read(data).files == ()
