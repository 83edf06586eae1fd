from datetime import UTC, datetime
from typing import Any

import pytest

from appliance.config.settings import LimitsSettings
from appliance.errors import InvalidInput
from appliance.mail.addresses import Address
from appliance.services import intake
from appliance.services.attachments import StoredFile
from tests.factories import submit_message

ANN = Address("ann@example.com", "Ann")


@pytest.mark.parametrize(
    "written",
    [
        "Ann <ann@example.com>",
        {"email": "ann@example.com", "name": "Ann"},
        {"email": "ann@EXAMPLE.com", "name": "Ann"},
        ANN,
    ],
)
def test_address_is_taken_in_every_form(written: object) -> None:
    assert intake.address(written) == ANN


@pytest.mark.parametrize(
    "written", ["ann", "", None, 7, ["ann@example.com"], {}, {"email": 7}, {"email": "ann@example.com", "mail": "x"}]
)
def test_what_is_no_address_is_refused(written: object) -> None:
    with pytest.raises(ValueError):
        intake.address(written)


def test_every_wrong_part_of_an_address_is_named() -> None:
    with pytest.raises(intake.InvalidEntries) as raised:
        intake.address({"email": "ann", "name": "A\nB", "phone": "1"})

    assert {place for place, _ in raised.value.entries} == {("email",), ("name",), ("phone",)}


@pytest.mark.parametrize("subject", ["", "Hällo 😀", "x" * 998])
def test_subject_is_one_line(subject: str) -> None:
    assert intake.subject(subject) == subject


@pytest.mark.parametrize("subject", ["a\r\nBcc: eve@example.com", "a\nb", "a\0b", "\ud800", "x" * 999])
def test_subject_that_is_not_one_line_is_refused(subject: str) -> None:
    with pytest.raises(ValueError):
        intake.subject(subject)


@pytest.mark.parametrize("text", ["a\0b", "\udcff"])
def test_text_that_cannot_be_stored_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no text"):
        intake.plain_text(text)


@pytest.mark.parametrize("tag", ["", " news", "news ", "x" * 65, "a\nb"])
def test_tag_that_breaks_a_rule_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        intake.tag(tag)


@pytest.mark.parametrize(
    "headers", [{"Bcc": "x"}, {"X-A": "a\r\nb"}, {"X A": "b"}, {"X-A": "1", "x-a": "2"}, {"Subject": "x"}]
)
def test_header_that_a_message_may_not_bring_along_is_named(headers: dict[str, str]) -> None:
    with pytest.raises(intake.InvalidEntries) as raised:
        intake.headers(headers)

    assert {place for place, _ in raised.value.entries} == {(name,) for name in headers}


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels > 1 else {}


@pytest.mark.parametrize("metadata", [{}, {"order": 7, "text": "ü\\u0000"}, nested(32)])
def test_metadata_is_any_json(metadata: dict[str, Any]) -> None:
    assert intake.metadata(metadata) == metadata


@pytest.mark.parametrize("metadata", [{"a": "x" * 20_000}, {"a": "\0"}, {"\ud800": 1}, {"a": float("inf")}, nested(40)])
def test_metadata_that_cannot_be_kept_is_refused(metadata: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        intake.metadata(metadata)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-24T08:00:00Z", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        ("2026-11-24t09:00:00.5+01:00", datetime(2026, 11, 24, 8, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-24T09:00:00 01:00", datetime(2026, 11, 24, 8, tzinfo=UTC)),
    ],
)
def test_moment_is_read_with_its_offset(written: str, moment: datetime) -> None:
    assert intake.instant(written) == moment


@pytest.mark.parametrize(
    "written", ["", "tomorrow", "2026-11-24", "2026-11-24T08:00:00", "2026-13-01T00:00:00Z", None, 7]
)
def test_what_is_no_moment_is_refused(written: object) -> None:
    with pytest.raises(ValueError):
        intake.instant(written)


@pytest.mark.parametrize(
    ("overrides", "fields"),
    [
        ({"to": ()}, {("to", "required")}),
        ({"text": None}, {("text", "required")}),
        ({"to": (), "text": None}, {("to", "required"), ("text", "required")}),
        ({"cc": tuple(Address(f"{n}@example.com") for n in range(100))}, {("to", "too_many")}),
        ({"text": "x" * (1024 * 1024 + 1)}, {("text", "too_large")}),
        ({"html": "ü" * (512 * 1024)}, {("html", "too_large")}),
        ({"attachments": (StoredFile("a", "a/b", 1024 * 1024, "ab"),)}, {("text", "too_large")}),
    ],
)
def test_every_limit_that_a_message_is_over_is_named(overrides: dict[str, Any], fields: set[tuple[str, str]]) -> None:
    with pytest.raises(InvalidInput) as raised:
        intake.within_limits(submit_message(**overrides), LimitsSettings(message_mb=1))

    assert {(error.field, error.code) for error in raised.value.errors} == fields


def test_empty_text_and_bcc_alone_are_enough() -> None:
    intake.within_limits(submit_message(to=(), bcc=(ANN,), text=""), LimitsSettings())
