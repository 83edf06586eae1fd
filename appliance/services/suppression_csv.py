"""Suppressions as CSV (RFC 4180): what is written can be read back, and a spreadsheet runs nothing of it."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from appliance.db.models import Suppression
from appliance.errors import FieldError, InvalidInput
from appliance.language import gettext
from appliance.services import intake
from appliance.services.suppression_entry import Entry, checked

MOST_ROWS = 100_000
MOST_LINES = 10 * MOST_ROWS  # with those that are empty
LONGEST_LINE = 100_000  # characters: the reader takes a line as a whole, and holds the interpreter meanwhile
COLUMNS = ("address", "reason", "source", "created_at", "expires_at")
NAMES_OF_ADDRESS = ("address", "email", "recipient", "domain")
_WITHOUT_HEADER = ("address", "reason", "expires_at")
_DELIMITERS = (",", ";", "\t")

# A spreadsheet takes a cell that starts so for a formula, and an apostrophe before it for "this is text".
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was left out. `line` counts from 1."""

    line: int
    message: str


def header() -> str:
    return _line(COLUMNS)


def line(suppression: Suppression) -> str:
    moments = (suppression.created_at, suppression.expires_at)
    cells = (suppression.address, suppression.reason, suppression.source, *map(_moment, moments))
    return _line(tuple(shielded(cell) for cell in cells))


def read(content: bytes, now: datetime) -> tuple[list[Entry], list[Refusal]]:
    """The rows that are right, each address once (the last one counts), and those that are not.

    The first row may name the columns: `address` (or `email`), and if there are any `reason` and `expires_at`; others
    are ignored. Without names they are those three, in that order. Commas, semicolons or tabs stand between them.

    Raises:
        InvalidInput: it is no CSV in UTF-8, or has more than MOST_ROWS rows.
    """
    entries: dict[str, Entry] = {}
    refused: list[Refusal] = []
    for number, row in _rows(_text(content)):
        try:
            entry = _entry(row, now)
            entries[entry.address] = entry
        except InvalidInput as error:
            refused.append(Refusal(number, error.errors[0].message))
    return list(entries.values()), refused


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _invalid(
            gettext("Byte %(place)s is not UTF-8. Save the file as CSV in UTF-8.", place=error.start)
        ) from error


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Line number and named cells of each row that is not empty."""
    reader = csv.reader(_lines(text), delimiter=_delimiter(text))
    names: tuple[str, ...] = ()
    count = 0
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names, is_header = _names(cells)
                if is_header:
                    continue
            count += 1
            if count > MOST_ROWS:
                raise _too_many()
            yield reader.line_num, dict(zip(names, map(_unshielded, cells), strict=False))
    except csv.Error as error:
        raise _no_csv(reader.line_num, str(error)) from error


def _lines(text: str) -> Iterator[str]:
    file, number = io.StringIO(text, newline=""), 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if number > MOST_LINES:
            raise _too_many()
        if len(line) == LONGEST_LINE:
            raise _no_csv(number, gettext("it has more than %(most)s characters", most=LONGEST_LINE))
        yield line


def _names(cells: list[str]) -> tuple[tuple[str, ...], bool]:
    """What the columns are called, and whether the first row said so."""
    named = [cell.strip().lower().replace(" ", "_") for cell in cells]
    if not set(named) & set(NAMES_OF_ADDRESS):
        return _WITHOUT_HEADER, False
    return tuple("address" if name in NAMES_OF_ADDRESS else name for name in named), True


def _delimiter(text: str) -> str:
    first = text.lstrip().partition("\n")[0]
    return max(_DELIMITERS, key=first.count)


def _entry(row: Mapping[str, str], now: datetime) -> Entry:
    return checked(row.get("address", ""), row.get("reason", ""), _expiry(row.get("expires_at", "").strip()), now)


def _expiry(text: str) -> datetime | None:
    try:
        return intake.instant(text) if text else None
    except ValueError as error:
        raise InvalidInput([FieldError("expires_at", f"expires_at: {error}")]) from error


def shielded(cell: str) -> str:
    """One apostrophe more for a cell that has one already, so that reading it back takes away what was added."""
    return f"'{cell}" if cell.startswith((*_FORMULA, "'")) else cell


def _unshielded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*_FORMULA, "'")) else cell


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _moment(value: datetime | None) -> str:
    return "" if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _too_many() -> InvalidInput:
    remedy = gettext("There are more than %(most)s rows. Import them in several files.", most=MOST_ROWS)
    return _invalid(remedy, "too_many")


def _no_csv(line: int, reason: str) -> InvalidInput:
    return _invalid(gettext("Line %(line)s is no CSV: %(reason)s.", line=line, reason=reason))


def _invalid(message: str, code: str = "invalid") -> InvalidInput:
    return InvalidInput([FieldError("file", message, code)])
