import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.db.models import Suppression
from appliance.errors import InvalidInput
from appliance.services import suppression_csv
from appliance.services.suppression_entry import Entry
from tests.fakes import NOON

LATER = datetime(2026, 12, 31, 12, 0, tzinfo=UTC)


def read(text: str) -> tuple[list[Entry], list[suppression_csv.Refusal]]:
    return suppression_csv.read(text.encode(), NOON)


def written(address: str, reason: str = "", expires_at: datetime | None = None) -> str:
    return suppression_csv.line(
        Suppression(id="sup_1", address=address, reason=reason, source="manual", created_at=NOON, expires_at=expires_at)
    )


@pytest.mark.parametrize(
    "text",
    [
        "address,reason,expires_at\nann@example.com,moved,2026-12-31T12:00:00Z\n",
        "\ufeffaddress,reason,expires_at\r\nann@example.com,moved,2026-12-31T12:00:00Z\r\n",
        "reason;EMail;expires at\nmoved;Ann@Example.com;2026-12-31T13:00:00+01:00",
        "recipient\treason\tsomething else\texpires_at\nann@example.com\tmoved\t7\t2026-12-31T12:00:00Z\n",
        "\n\nann@example.com,moved,2026-12-31T12:00:00Z\n,,\n\n",
        "nobody@example.com,,\nann@example.com,first,\nann@example.com,moved,2026-12-31T12:00:00Z\n",
    ],
)
def test_many_a_csv_is_read(text: str) -> None:
    entries, refused = read(text)

    assert Entry("ann@example.com", "moved", LATER) in entries
    assert refused == []


def test_column_alone_is_enough() -> None:
    assert read("ann@example.com\nexample.org\n") == ([Entry("ann@example.com"), Entry("example.org")], [])


def test_rows_that_are_wrong_are_named_by_their_line() -> None:
    entries, refused = read(
        'address,reason,expires_at\n"ann@example.com","two\nlines",\nnobody,,\nbob@example.com,,tomorrow\n'
        "cid@example.com,,2020-01-01T00:00:00Z\n,no address,\ndora@example.com,fine,\n"
    )

    assert entries == [Entry("dora@example.com", "fine")]
    assert [one.line for one in refused] == [3, 4, 5, 6, 7]
    assert "one line of text" in refused[0].message
    assert "neither an e-mail address nor a domain" in refused[1].message
    assert "offset" in refused[2].message
    assert "past" in refused[3].message


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"address\n" + b"x" * 200_000])
def test_what_is_no_csv_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        suppression_csv.read(content, NOON)

    assert caught.value.errors[0].field == "file"


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression_csv, "MOST_ROWS", 2)

    with pytest.raises(InvalidInput, match="more than 2 rows"):
        read("address\na@example.com\nb@example.com\nc@example.com\n")


def test_empty_file_has_no_rows() -> None:
    assert read("") == ([], [])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_spreadsheet_finds_no_formula(start: str) -> None:
    line = written("ann@example.com", f"{start}HYPERLINK(1)")

    [cells] = csv.reader(io.StringIO(line, newline=""))
    assert cells[1] == f"'{start}HYPERLINK(1)"


@given(
    reason=st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), max_size=20).map(str.strip),
    local=st.text(alphabet="abz09+=-'/", min_size=1, max_size=10),
    expires_at=st.sampled_from([None, LATER]),
)
def test_what_is_written_is_read_back(reason: str, local: str, expires_at: datetime | None) -> None:
    text = suppression_csv.header() + written(f"{local}@example.com", reason, expires_at)

    assert read(text) == ([Entry(f"{local}@example.com", reason, expires_at)], [])


@pytest.mark.parametrize(
    ("content", "code"), [("address\n" + "," * 200_000, "invalid"), ("address\n" + "\n" * 1_100_000, "too_many")]
)
def test_what_would_be_read_for_long_is_refused(content: str, code: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read(content)

    assert [(one.field, one.code) for one in raised.value.errors] == [("file", code)]
