import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.mail import addresses
from appliance.mail.addresses import Address, InvalidAddress


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann@example.com", Address("ann@example.com")),
        ("  <ann@example.com> ", Address("ann@example.com")),
        ("Ann Smith <ann@example.com>", Address("ann@example.com", "Ann Smith")),
        ('"Smith, \\"A\\"" <ann@example.com>', Address("ann@example.com", 'Smith, "A"')),
        ("王小明 <wang@example.com>", Address("wang@example.com", "王小明")),
        ("Ann.Smith@EXAMPLE.com", Address("Ann.Smith@example.com")),
        ("ann+tag@example.com", Address("ann+tag@example.com")),
        ("ann@bücher.example", Address("ann@xn--bcher-kva.example")),
        ("用户@例子.中国", Address("用户@xn--fsqu00a.xn--fiqs8s")),
        ("root@[192.0.2.1]", Address("root@[192.0.2.1]")),
    ],
)
def test_address_is_read_and_made_canonical(text: str, expected: Address) -> None:
    assert addresses.parse(text) == expected


@pytest.mark.parametrize(
    "domain", ["example.com", "example.test", "test", "localhost", "box.local", "mail.internal", "x.invalid"]
)
def test_domains_for_tests_and_inner_networks_are_accepted(domain: str) -> None:
    assert addresses.of(f"ann@{domain}").email == f"ann@{domain}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@gmail",
        "ann@1.2.3.4",
        "ann..smith@example.com",
        "ann smith@example.com",
        "ann@example.com, bob@example.com",
        "ann@example.com>",
        '"a b"@example.com',
        "a" * 65 + "@example.com",
        "ann@" + "b" * 64 + ".com",
        "ann@" + ".".join(["b" * 60] * 5),
        "ann@example.com\r\nBcc: eve@example.com",
        "ann\0@example.com",
        "\ud800@example.com",
    ],
)
def test_what_is_no_address_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(InvalidAddress, match=r"is not an e-mail address: .*Write it as name@example\.com"):
        addresses.parse(text)


@pytest.mark.parametrize("name", ["Ann\r\nBcc: eve@example.com", "Ann\0", "Ann\u2028Smith", "\udcff"])
def test_name_that_would_break_a_header_is_refused(name: str) -> None:
    with pytest.raises(InvalidAddress, match="one line of text"):
        addresses.of("ann@example.com", name)


def test_overlong_name_is_refused() -> None:
    with pytest.raises(InvalidAddress, match="this one has 257"):
        addresses.of("ann@example.com", "x" * 257)


def test_mask_keeps_the_first_letter_and_the_domain() -> None:
    assert addresses.mask("user@example.com") == "u***@example.com"
    assert addresses.mask("no address") == "***"


def test_only_a_local_part_beyond_ascii_needs_smtputf8() -> None:
    assert addresses.needs_smtputf8(addresses.parse("用户@example.com").email)
    assert not addresses.needs_smtputf8(addresses.parse("ann@bücher.example").email)


@given(st.text())
def test_any_text_is_an_address_or_invalid(text: str) -> None:
    try:
        address = addresses.parse(text)
    except InvalidAddress:
        return
    assert addresses.of(address.email, address.name) == address


@given(st.emails())
def test_what_others_call_an_address_is_canonical_after_the_first_reading(email: str) -> None:
    try:
        once = addresses.of(email)
    except InvalidAddress:
        return
    assert addresses.of(once.email) == once
    assert not set(once.email) & set("\r\n\0 <>")


@pytest.mark.parametrize(
    "text", [f"{'a' * 20_000_000}@example.com", f"{'x' * 20_000_000} <ann@example.com>", "@" * 20_000_000]
)
def test_megabytes_are_no_address_without_being_looked_through(text: str) -> None:
    """Which would take the better part of a minute each."""
    with pytest.raises(InvalidAddress, match="too long"):
        addresses.parse(text)
