"""What a person reads on a page, also by a screen reader: texts and attributes, without code and what is in English."""

import re
from html.parser import HTMLParser

READ = ("title", "aria-label", "placeholder", "alt", "label")
"""Attributes that are read out or shown; so is every data-* that has more than one word."""
VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
SILENT = frozenset({"script", "style", "code", "pre", "time", "svg", "iframe", "textarea", "kbd"})
ENGLISH = re.compile(r"[A-Za-z][A-Za-z'’-]*(?:[,;:]? [A-Za-z][A-Za-z'’-]*){2,}")
"""Three words or more in a row."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._silent: list[str] = []
        self._open: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self._open.append(tag in SILENT or given.get("lang") in ("en", "zh") or any(self._open[-1:]))
        if not any(self._open[-1:]):
            self.texts += [text for name, text in attrs if text and (name in READ or name.startswith("data-"))]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._open[-1:]):
            self.texts.append(data)


def texts(page: str) -> list[str]:
    reader = _Reader()
    reader.feed(page)
    return [" ".join(text.split()) for text in reader.texts if text.strip()]


def english(page: str) -> set[str]:
    """Every sequence of three English words or more."""
    return {found.group() for text in texts(page) for found in ENGLISH.finditer(text)}
