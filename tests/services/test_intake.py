from datetime import UTC, datetime

import pytest

from appliance.config.settings import LimitsSettings
from appliance.services import intake
from appliance.services.attachments import StoredFile
from appliance.services.intake import InvalidEntries
from tests.factories import submit_message


@pytest.mark.parametrize("value", ["😀", "C:\\u0000", "\\", "é" * 100])
def test_metadata_may_be_any_text(value: str) -> None:
    assert intake.metadata({value: [value]}) == {value: [value]}


@pytest.mark.parametrize("value", ["\0", "\\\0", "\ud800"])
def test_metadata_that_no_database_takes_is_refused(value: str) -> None:
    for wrong in ({value: 1}, {"a": [{"b": value}]}):
        with pytest.raises(ValueError):
            intake.metadata(wrong)


def test_size_of_metadata_counts_in_bytes() -> None:
    intake.metadata({"a": "x" * (intake.LARGEST_METADATA - 10)})

    with pytest.raises(ValueError, match="limit"):
        intake.metadata({"a": "é" * (intake.LARGEST_METADATA - 10)})


@pytest.mark.parametrize("control", ["\r", "\n", "\0", "\x1f", "\x7f", "\ud800"])
def test_subject_that_could_never_be_sent_is_refused(control: str) -> None:
    with pytest.raises(ValueError):
        intake.subject(f"Your{control}invoice")


@pytest.mark.parametrize("subject", ["", "\t", "Grüße 🎈", "x" * 998, " spaces ", "=?utf-8?q?x?="])
def test_subject_may_be_any_line(subject: str) -> None:
    assert intake.subject(subject) == subject


def test_every_wrong_header_is_named() -> None:
    with pytest.raises(InvalidEntries) as raised:
        intake.headers({"X-Fine": "yes", "To": "x", "X-Evil": "a\nb", "x-twice": "1", "X-Twice": "2"})

    assert [place for place, _ in raised.value.entries] == [("To",), ("X-Evil",), ("x-twice",), ("X-Twice",)]


def test_wrong_parts_of_an_address_are_named() -> None:
    with pytest.raises(InvalidEntries) as raised:
        intake.address({"email": "ann", "name": "Ann\nSmith", "age": 7})

    assert {place for place, _ in raised.value.entries} == {("email",), ("name",), ("age",)}


@pytest.mark.parametrize(
    "text", ["2026-11-24T09:00:00+01:00", "2026-11-24T09:00:00 01:00", "2026-11-24 08:00:00Z", "2026-11-24t08:00z"]
)
def test_moment_is_taken_to_utc(text: str) -> None:
    assert intake.instant(text) == datetime(2026, 11, 24, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("html", "text", "files", "field"),
    [
        ("<p>x</p>", None, 3, "attachments"),
        ("x" * 2_000_000, "x", 1, "html"),
        ("x", "x" * 2_000_000, 1, "text"),
        (None, "x", 3, "attachments"),
    ],
)
def test_message_that_is_too_large_names_what_is_most_of_it(
    html: str | None, text: str | None, files: int, field: str
) -> None:
    file = StoredFile("a.txt", "text/plain", 1024 * 1024, "ab" * 32)
    command = submit_message(html=html, text=text, attachments=(file,) * files)

    errors = intake.limit_errors(command, LimitsSettings(message_mb=2))

    assert [(one.field, one.code) for one in errors] == [(field, "too_large")]
