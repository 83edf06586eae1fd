import pytest

from appliance.services import key_limits
from appliance.services.key_limits import NO_LIMITS, KeyLimits


@pytest.mark.parametrize(
    ("pattern", "sender", "within"),
    [
        ("shop@example.com", "shop@example.com", True),
        ("shop@example.com", "SHOP@example.com", True),
        ("shop@example.com", "shop@example.org", False),
        ("shop@example.com", "workshop@example.com", False),
        ("@example.com", "anybody@example.com", True),
        ("@example.com", "anybody@mail.example.com", False),
        ("@example.com", "anybody@badexample.com", False),
        ("@*.example.com", "anybody@mail.example.com", True),
        ("@*.example.com", "anybody@a.b.example.com", True),
        ("@*.example.com", "anybody@example.com", False),
        ("@*.example.com", "anybody@badexample.com", False),
        # a pattern within a pattern, for keys that make keys
        ("@example.com", "@example.com", True),
        ("@*.example.com", "@mail.example.com", True),
        ("@*.example.com", "@*.mail.example.com", True),
        ("@*.example.com", "@*.example.com", True),
        ("@example.com", "@*.example.com", False),
        ("@*.example.com", "@example.com", False),
        ("shop@example.com", "@example.com", False),
        ("@*.mail.example.com", "@*.example.com", False),
    ],
)
def test_pattern_covers_what_it_says_and_no_more(pattern: str, sender: str, within: bool) -> None:
    assert key_limits.covered(sender, [pattern]) is within


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" Shop@Example.COM ", "shop@example.com"),
        ("@Example.COM", "@example.com"),
        ("@*.Example.com", "@*.example.com"),
        ("@bücher.example", "@xn--bcher-kva.example"),
        ("@*.bücher.example", "@*.xn--bcher-kva.example"),
    ],
)
def test_pattern_is_kept_in_the_form_that_is_compared(text: str, kept: str) -> None:
    assert key_limits.pattern(text) == kept


@pytest.mark.parametrize(
    "text", ["", "@", "@*.", "*", "example.com", "*@example.com", "@*example.com", "a b@c.example"]
)
def test_what_is_no_pattern_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"@\*\.example\.com"):
        key_limits.pattern(text)


def test_key_without_limits_allows_everything() -> None:
    assert NO_LIMITS.errors(None, None) == []
    assert NO_LIMITS.errors("anybody@example.com", "acc_any") == []
    assert NO_LIMITS.choice is None


def test_both_what_a_message_may_not_are_named_with_what_it_may() -> None:
    limits = KeyLimits(allowed_accounts=("acc_1", "acc_2"), allowed_from=("a@example.com", "@example.org"))

    errors = limits.errors("eve@example.net", "acc_3")

    assert [(one.field, one.code) for one in errors] == [("from", "not_allowed"), ("account", "not_allowed")]
    assert "a@example.com, @example.org" in errors[0].message
    assert "acc_1, acc_2" in errors[1].message


def test_message_of_a_bound_key_must_say_whom_it_is_from() -> None:
    assert KeyLimits(allowed_from=("@example.org",)).errors(None, None)


def test_message_may_leave_the_account_open() -> None:
    limits = KeyLimits(allowed_accounts=("acc_1", "acc_2"))

    assert limits.errors(None, None) == limits.errors(None, "acc_2") == []
    assert limits.choice == "acc_1 acc_2"


@pytest.mark.parametrize(
    ("allowed", "only"),
    [
        ((), None),
        (("a@example.com",), "a@example.com"),
        (("@example.com",), None),
        (("a@example.com", "b@example.com"), None),
    ],
)
def test_only_address_is_the_one_where_there_is_no_other(allowed: tuple[str, ...], only: str | None) -> None:
    assert KeyLimits(allowed_from=allowed).only_from == only
