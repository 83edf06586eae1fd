import time

import pytest

from appliance.config.masking import masked, masked_value, one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sent to user@example.com", "sent to u***@example.com"),
        ("<user@example.com>, other@example.org", "<u***@example.com>, o***@example.org"),
        ("RCPT TO:<user+tag@example.com>", "RCPT TO:<u***@example.com>"),
        ('"john smith"@example.com', "j***@example.com"),
        ("用户@例子.广告", "用***@例子.广告"),
        ("user@[192.0.2.1]", "u***@[192.0.2.1]"),
        ("u***@example.com", "u***@example.com"),
        ("amqp://guest:p@ss:w0rd@host:5672//", "amqp://guest:***@host:5672//"),
        ("redis://:secret@host/0", "redis://:***@host/0"),
        ("no address @ all", "no address @ all"),
        ("the key pr_Zm9yZ290dGVu-_x is unknown", "the key pr_*** is unknown"),
        ("Authorization: Bearer abcdefgh.ijk, Basic YWRtaW46eA==", "Authorization: Bearer ***, Basic ***"),
        ("signed with whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD.", "signed with whsec_***"),
        ("a basic idea of a bearer token", "a basic idea of a bearer token"),
    ],
)
def test_text_keeps_no_address_and_no_password(text: str, expected: str) -> None:
    assert masked(text) == expected


def test_what_is_inside_a_value_is_masked_too() -> None:
    value = {"to": ["a@example.com"], "headers": {"Authorization": "Bearer x", "n": 1}, "deep": (("b@example.com",),)}

    assert masked_value(value) == {
        "to": ["a***@example.com"],
        "headers": {"Authorization": "[redacted]", "n": 1},
        "deep": [["b***@example.com"]],
    }


@pytest.mark.parametrize("key", ["password", "smtp_password", "token", "Authorization", "api_key", "session_cookie"])
def test_value_of_a_secret_key_is_redacted(key: str) -> None:
    assert masked_value("x", key) == "[redacted]"


def test_number_under_a_secret_key_is_no_secret() -> None:
    assert masked_value(3, "tokens") == 3


def test_value_that_contains_itself_ends() -> None:
    value: list[object] = ["a@example.com"]
    value.append(value)

    assert "a@example.com" not in str(masked_value(value))


def test_nobody_outside_can_make_up_a_line() -> None:
    assert one_line("a\n2026 [error] b\r\x1b[31m\u2028") == "a\\n2026 [error] b\\r\\x1b[31m\\u2028"


@pytest.mark.parametrize("text", ["a" * 100_000 + "@", "@" * 100_000, "a@" * 50_000, "x://" + "y:" * 50_000 + "@"])
def test_hostile_text_is_masked_in_linear_time(text: str) -> None:
    began = time.process_time()

    masked(text)

    assert time.process_time() - began < 5  # quadratic behaviour would take minutes
