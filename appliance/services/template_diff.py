"""What two versions of a template say differently, part by part.

Comparing takes up to quadratic time: seconds for texts that were made for it. So it belongs in a native thread, lines
are left out where there are very many, and those that occur over and over are not what a comparison begins at.
"""

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from appliance.db.models import TemplateVersion

MOST_LINES = 2000
CONTEXT = 3  # lines that stand around a change


class RowKind(StrEnum):
    SAME = "same"
    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"
    GAP = "gap"  # lines between two changes are left out


@dataclass(frozen=True, slots=True)
class Row:
    """A line of both versions beside each other, with its number in each; None where one has no such line."""

    kind: RowKind
    old_number: int | None = None
    old: str | None = None
    new_number: int | None = None
    new: str | None = None


def between(old: TemplateVersion, new: TemplateVersion) -> dict[str, str]:
    """A unified diff for each part that differs: `html`, `locales.zh.subject`, `variables`."""
    return {
        name: _unified(before, after, f"{name} of version")(old.number, new.number)
        for name, before, after in _changed(old, new)
    }


def side_by_side(old: TemplateVersion, new: TemplateVersion) -> dict[str, list[Row]]:
    """The rows of each part that differs."""
    return {name: list(_rows(before, after)) for name, before, after in _changed(old, new)}


def _changed(old: TemplateVersion, new: TemplateVersion) -> Iterator[tuple[str, str, str]]:
    """Name, old text and new text of each part that differs."""
    before, after = dict(_parts(old)), dict(_parts(new))
    for name in dict.fromkeys([*before, *after]):
        if before.get(name, "") != after.get(name, ""):
            yield name, before.get(name, ""), after.get(name, "")


def _rows(before: str, after: str) -> Iterator[Row]:
    old, new = _lines(before), _lines(after)
    matcher = difflib.SequenceMatcher(None, old, new)
    for index, group in enumerate(matcher.get_grouped_opcodes(CONTEXT)):
        if index:
            yield Row(RowKind.GAP)
        for tag, old_from, old_to, new_from, new_to in group:
            pairs = zip_longest(_numbered(old, old_from, old_to), _numbered(new, new_from, new_to))
            yield from (_row(tag == "equal", one, other) for one, other in pairs)


def _numbered(lines: Sequence[str], start: int, end: int) -> list[tuple[int, str]]:
    return [(number + 1, lines[number]) for number in range(start, end)]


def _row(same: bool, old: tuple[int, str] | None, new: tuple[int, str] | None) -> Row:
    if old is None:
        return Row(RowKind.ADDED, None, None, *(new or ()))
    if new is None:
        return Row(RowKind.REMOVED, *old)
    return Row(RowKind.SAME if same else RowKind.CHANGED, *old, *new)


def _parts(version: TemplateVersion) -> Iterator[tuple[str, str]]:
    for part in ("subject", "html", "text"):
        yield part, getattr(version, part) or ""
    yield "variables", "\n".join(map(_line, version.variables))
    for locale, source in version.locales.items():
        for part, text in source.items():
            yield f"locales.{locale}.{part}", text or ""


def _line(variable: dict[str, Any]) -> str:
    return json.dumps(variable, ensure_ascii=False, sort_keys=True)


def _unified(before: str, after: str, title: str) -> Any:
    def make(old: int, new: int) -> str:
        lines = difflib.unified_diff(_lines(before), _lines(after), f"{title} {old}", f"{title} {new}", lineterm="")
        return "\n".join(lines)

    return make


def _lines(text: str) -> list[str]:
    lines = text.splitlines()
    return lines if len(lines) <= MOST_LINES else [*lines[:MOST_LINES], f"({len(lines) - MOST_LINES} more lines)"]
