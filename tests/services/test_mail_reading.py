"""Mail as a recipient's program would show it, whoever wrote it."""

import base64
from email.message import EmailMessage

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.services import mail_reading
from appliance.services.mail_reading import LARGEST_IMAGES, LARGEST_READ, LONGEST_HEADER, MOST_LINES, MOST_PARTS, read

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def mail(html: str = "<p>Grüße</p>", text: str = "Grüße") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Rechnung für März"
    message["From"] = "Jörg <joerg@example.com>"
    message["To"] = "ann@example.com"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def with_image(html: str) -> EmailMessage:
    message = mail(html)
    related = message.get_payload()[1]  # type: ignore[index]
    related.add_related(PNG, "image", "png", cid="<logo@example.com>")  # type: ignore[union-attr]
    return message


def multipart(*parts: bytes) -> bytes:
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head + b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"


def test_text_and_html_are_decoded() -> None:
    found = read(mail().as_bytes())

    assert found.text is not None
    assert found.text.strip() == "Grüße"
    assert found.html is not None
    assert found.html.strip() == "<p>Grüße</p>"


def test_encoded_headers_are_readable() -> None:
    headers = dict(read(mail().as_bytes()).headers)

    assert headers["Subject"] == "Rechnung für März"
    assert headers["From"] == "Jörg <joerg@example.com>"


def test_an_attachment_keeps_its_name_and_bytes() -> None:
    message = mail()
    message.add_attachment(b"%PDF\x00\xff", "application", "pdf", filename="Rechnung März.pdf")

    attachment = read(message.as_bytes()).attachments[0]

    assert (attachment.filename, attachment.content_type) == ("Rechnung März.pdf", "application/pdf")
    assert attachment.content == b"%PDF\x00\xff"


def test_a_text_that_is_a_file_is_an_attachment() -> None:
    message = mail()
    message.add_attachment("a,b\n", filename="table.csv")

    found = read(message.as_bytes())

    assert [one.filename for one in found.attachments] == ["table.csv"]
    assert found.text is not None
    assert "Grüße" in found.text


def test_an_image_of_the_mail_becomes_part_of_its_html() -> None:
    found = read(with_image('<img src="cid:logo@example.com">').as_bytes())

    expected = base64.b64encode(PNG).decode()
    assert f'<img src="data:image/png;base64,{expected}">' in found.html_with_images()


def test_an_image_that_is_not_there_is_left_as_it_is() -> None:
    found = read(with_image('<img src="cid:other">').as_bytes())

    assert 'src="cid:other"' in found.html_with_images()


def test_an_image_that_is_named_very_often_does_not_fill_the_memory() -> None:
    found = read(with_image('<img src="cid:logo@example.com">' * 14_000).as_bytes())
    large = mail_reading.ReadAttachment("a", "image/png", b"x" * (LARGEST_IMAGES // 2), "logo@example.com")
    found = mail_reading.ReadMail((), None, found.html, (large,), cut=False)

    html = found.html_with_images()

    assert html.count("data:image/png") == 2


def test_a_path_in_a_file_name_is_dropped() -> None:
    part = b'Content-Disposition: attachment; filename="..\\..\\etc/pass\x07wd"\r\n\r\nx'

    assert read(multipart(part)).attachments[0].filename == "passwd"


def test_a_forwarded_mail_is_an_attachment() -> None:
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("inner text")
    message = mail()
    message.add_attachment(inner)

    attachment = read(message.as_bytes()).attachments[0]

    assert attachment.filename == "message.eml"
    assert b"inner text" in attachment.content


def test_an_unknown_charset_is_read_as_well_as_it_goes() -> None:
    data = b"Content-Type: text/plain; charset=klingon\r\n\r\nHello \xff"

    assert read(data).text == "Hello \ufffd"


def test_a_codec_that_is_none_for_text_is_not_used() -> None:
    for charset in (b"hex", b"zlib", b"punycode", b"idna", b"undefined", b"rot13"):
        assert read(b"Content-Type: text/plain; charset=" + charset + b"\r\n\r\n6869").text == "6869"


def test_of_a_large_mail_the_first_part_is_shown() -> None:
    message = mail()
    message.add_attachment(b"x" * LARGEST_READ, "application", "octet-stream", filename="large.bin")

    found = read(message.as_bytes())

    assert found.cut
    assert found.text is not None
    assert [(one.filename, one.complete) for one in found.attachments] == [("large.bin", False)]


def test_parts_beyond_a_limit_are_left_out() -> None:
    found = read(multipart(*[b"Content-Type: image/png\r\n\r\nx"] * (MOST_PARTS + 50)))

    assert len(found.attachments) == MOST_PARTS


def test_parts_nested_without_end_are_shown_as_source() -> None:
    data = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(3000)
    )

    found = read(data + b"\r\ninnermost")

    assert found.html is None


def test_a_header_without_end_is_shortened() -> None:
    data = b"Content-Type: text/plain;" + b" a=b;" * 300_000 + b"\r\n\r\nHello"

    found = read(data)

    assert found.text == "Hello"
    assert len(dict(found.headers)["Content-Type"]) <= LONGEST_HEADER


def test_lines_beyond_a_limit_are_not_read() -> None:
    found = read(b"Subject: lines\n\n" + b"x\n" * MOST_LINES)

    assert found.cut
    assert found.text is not None
    assert found.text.count("x") == MOST_LINES - 2


def test_what_is_no_mail_at_all_does_not_raise() -> None:
    assert read(b"").text == ""
    assert read(b"\xff\x00\r\n\r\n\x80").attachments == ()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [
                    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
                    b"Content-Type: text/html; charset=utf-16\r\n",
                    b"Content-Type: message/rfc822\r\n\r\n",
                    b"Content-Type: message/delivery-status\r\n\r\n",
                    b"Content-Transfer-Encoding: base64\r\n",
                    b"Content-Transfer-Encoding: x-uuencode\r\n",
                    b"Content-Disposition: attachment; filename*=utf-8''%ff%zz\r\n",
                    b"Subject: =?utf-8?b?!!!?= =?x?q?=00?=\r\n",
                    b"--b\r\n",
                    b"--b--\r\n",
                    b"\r\n",
                ]
            ),
        ),
        max_size=25,
    )
)
def test_no_mail_makes_it_raise(pieces: list[bytes]) -> None:
    read(b"".join(pieces)).html_with_images()
