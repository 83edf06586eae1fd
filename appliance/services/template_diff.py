"""What two versions of a template say differently, part by part."""

import difflib
import json
from collections.abc import Iterator
from typing import Any

from appliance.db.models import TemplateVersion

MOST_LINES = 4000  # difflib needs quadratic time


def between(old: TemplateVersion, new: TemplateVersion) -> dict[str, str]:
    """A unified diff for each part that differs: `html`, `locales.zh.subject`, `variables`."""
    before, after = dict(_parts(old)), dict(_parts(new))
    names = [*before, *(name for name in after if name not in before)]
    return {
        name: _unified(before.get(name, ""), after.get(name, ""), f"{name} of version")(old.number, new.number)
        for name in names
        if before.get(name, "") != after.get(name, "")
    }


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
