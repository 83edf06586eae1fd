import email
import email.policy
import re
from email.headerregistry import AddressHeader

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.mail.addresses import Address
from appliance.mail.headers import InvalidHeader, check_header, encode_addresses, encode_text, new_message_id

one_line = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=300)


def read_back(name: str, written: str) -> str:
    parsed = email.message_from_bytes(f"{name}: {written}\r\n\r\n".encode(), policy=email.policy.default)
    assert not parsed.defects
    return str(parsed[name])


@pytest.mark.parametrize(
    "subject",
    [
        "Your order has shipped",
        "您的订单已经发货",
        "Müller & Söhne",
        "🎉" * 40,
        "long " * 60 + "end",
        "x" * 2000,
        "looks like =?utf-8?q?an_encoded_word?= but is none",
        "two  spaces and   three",
        " leading and trailing ",
        "a\ttab",
        "",
    ],
)
def test_subject_is_read_back_as_it_was_written(subject: str) -> None:
    written = encode_text("Subject", subject)

    assert read_back("Subject", written) == subject
    assert all(len(line) <= 998 for line in written.split("\r\n"))


@given(one_line)
def test_any_one_line_subject_survives(subject: str) -> None:
    written = encode_text("Subject", subject)

    assert written.isascii()
    assert read_back("Subject", written) == subject


@given(one_line)
def test_encoded_words_keep_to_their_limits(subject: str) -> None:
    lines = f"Subject: {encode_text('Subject', subject)}".split("\r\n")

    for line in lines[1:]:
        assert re.match(r" \S", line), "a folded line starts with one space and is not blank"
    for word in re.findall(r"=\?utf-8\?[bq]\?[^ ?]*\?=", "\n".join(lines)):
        assert len(word) <= 75


def test_short_ascii_lines_fold_below_78_characters() -> None:
    written = encode_text("References", " ".join(f"<{number}@example.com>" for number in range(30)))

    assert max(map(len, f"References: {written}".split("\r\n"))) <= 78


@pytest.mark.parametrize("value", ["a\r\nBcc: eve@example.com", "a\nb", "a\0b", "\x1b[31m", "\ud800"])
def test_control_characters_never_reach_a_header(value: str) -> None:
    with pytest.raises(InvalidHeader):
        encode_text("Subject", value)
    with pytest.raises(InvalidHeader):
        check_header("X-Order", value)
    with pytest.raises(InvalidHeader):
        encode_addresses("To", [Address("ann@example.com", value)])


@pytest.mark.parametrize(
    "name",
    [
        "Ann",
        "Smith, Ann",
        'Ann "the Cat" Smith',
        "back\\slash",
        "O'Neil (Sales)",
        "Müller",
        "王小明",
        "🎉 Party",
        "J. Doe",
    ],
)
def test_name_of_an_address_is_read_back(name: str) -> None:
    written = encode_addresses("To", [Address("ann@example.com", name)])

    parsed = email.message_from_bytes(f"To: {written}\r\n\r\n".encode(), policy=email.policy.default)["To"]
    assert isinstance(parsed, AddressHeader)
    assert [(one.display_name, one.addr_spec) for one in parsed.addresses] == [(name, "ann@example.com")]


@given(st.lists(one_line.map(str.strip), min_size=1, max_size=30))
def test_any_names_leave_the_addresses_whole(names: list[str]) -> None:
    people = [Address(f"p{number}@example.com", name) for number, name in enumerate(names)]

    written = encode_addresses("To", people)

    parsed = email.message_from_bytes(f"To: {written}\r\n\r\n".encode(), policy=email.policy.default)["To"]
    assert [one.addr_spec for one in parsed.addresses] == [person.email for person in people]
    assert max(map(len, written.split("\r\n"))) <= 998


def test_hundred_recipients_fold_into_lines() -> None:
    written = encode_addresses("To", [Address(f"p{number}@example.com", f"Person {number}") for number in range(100)])

    assert max(map(len, f"To: {written}".split("\r\n"))) <= 78


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("From", "use the field 'from'"),
        ("BCC", "use the field 'bcc'"),
        ("Reply-To", "use the field 'reply_to'"),
        ("Subject", "use the field 'subject'"),
        ("Message-ID", "the appliance makes it"),
        ("Received", "servers write it"),
        ("DKIM-Signature", "the SMTP server signs"),
        ("Return-Path", "the sender account decides"),
        ("Content-Type", "from 'text', 'html' and 'attachments'"),
        ("Content-Anything", "from 'text', 'html' and 'attachments'"),
        ("MIME-Version", "the appliance makes it"),
        ("Order-Number", "call it 'X-Order-Number'"),
    ],
)
def test_structural_header_is_refused_with_what_to_use_instead(name: str, remedy: str) -> None:
    with pytest.raises(InvalidHeader, match=re.escape(remedy)):
        check_header(name, "value")


@pytest.mark.parametrize(
    "name", ["X-Order", "x-priority", "List-Unsubscribe", "In-Reply-To", "References", "Auto-Submitted", "Feedback-ID"]
)
def test_header_of_its_own_is_allowed(name: str) -> None:
    check_header(name, "some value")


@pytest.mark.parametrize("name", ["", "X-Order: 1\r\nBcc", "X Order", "X-Ördér", "X-" + "a" * 80])
def test_what_is_no_header_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidHeader):
        check_header(name, "value")


def test_value_that_cannot_be_folded_is_refused_where_it_has_a_structure() -> None:
    link = f"<https://example.com/{'a' * 950}>"

    check_header("X-Link", link)
    with pytest.raises(InvalidHeader, match="word of more than 900"):
        check_header("List-Unsubscribe", link)


def test_overlong_value_is_refused() -> None:
    with pytest.raises(InvalidHeader, match="the limit is 4000"):
        check_header("X-Order", "a " * 2001)


@pytest.mark.parametrize(
    ("domain", "right"),
    [
        ("box.example.com", "box.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("my_box", "my_box"),
        ("", "localhost"),
        ("no domain>", "localhost"),
        ("a..b", "localhost"),
    ],
)
def test_message_id_has_a_valid_right_side(domain: str, right: str) -> None:
    assert re.fullmatch(rf"<[0-9a-f]{{32}}@{re.escape(right)}>", new_message_id(domain))


def test_message_ids_differ() -> None:
    assert new_message_id("example.com") != new_message_id("example.com")
