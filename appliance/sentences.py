"""Sentences that are kept in English, and said again in the language of whoever reads them.

What went wrong with a message is written down when it happens, for programs and for everybody: in English. A person
reads it later, perhaps in another language. The sentences are few and known, so a kept one is recognised by its
wording, and its facts (a host, what the server said) are put into its translation.
"""

import re
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

from appliance.language import gettext

LONGEST = 1000  # characters; longer texts are nothing that this program said
_FACT = re.compile(r"%\((\w+)\)s")
_SHAPES = {
    **dict.fromkeys(("host", "address", "version"), r"\S+"),
    "server": r"\S+:[0-9]+",
    **dict.fromkeys(("seconds", "number"), r"[0-9.e+-]+"),
    "reply": r"[2-5][0-9]{2}(?: .*)?",
    **dict.fromkeys(("count", "most", "size", "free", "code", "line"), r"[0-9][0-9,]*"),
}
"""What a fact with this name looks like. Others may be any text."""


def kept(sentence: str) -> str:
    """`sentence` as it is: marks it for the catalogues, where it is written instead of where it is said."""
    return sentence


class Recognised(NamedTuple):
    sentence: str
    facts: dict[str, str]


class Sentences:
    """A closed list. `parts`: what a fact of that name may be, if that is a sentence of ours too."""

    def __init__(self, *sentences: str, any_other: bool = False, **parts: "Sentences") -> None:
        """`any_other`: as a part, it may also be something that is not on the list, and then stays as it is."""
        self.sentences = sentences
        self.any_other = any_other
        self.parts = parts
        self._patterns = [(one, re.compile(self._pattern(one, named=True), re.DOTALL)) for one in sentences]
        self._known = lru_cache(maxsize=256)(self._look)  # a page tells the same trouble many times

    def say(self, text: str) -> str:
        """In the language spoken now, if it is on the list; else as it is."""
        return self.said(text) or text

    def said(self, text: str) -> str:
        """As `say`; empty when it is not on the list."""
        found = self._known(text) if 0 < len(text) <= LONGEST else None
        if found is None:
            return ""
        return gettext(found.sentence, **{name: self._part(name, fact) for name, fact in found.facts.items()})

    def recognised(self, text: str) -> str | None:
        """Which of the list `text` is."""
        found = self._known(text)
        return found and found.sentence

    def _part(self, name: str, fact: str) -> str:
        return self.parts[name].say(fact) if name in self.parts else fact

    def _look(self, text: str) -> Recognised | None:
        for sentence, pattern in self._patterns:
            if match := pattern.fullmatch(text):
                return Recognised(sentence, match.groupdict(default=""))
        return None

    def _pattern(self, sentence: str, *, named: bool = False) -> str:
        pieces = _FACT.split(sentence)  # text, name, text, name, text
        literals = map(re.escape, pieces[::2])
        facts = [f"({f'?P<{name}>' if named else '?:'}{self._shape(name)})" for name in pieces[1::2]]
        return "".join(piece for both in zip_longest(literals, facts, fillvalue="") for piece in both)

    def _shape(self, name: str) -> str:
        part = self.parts.get(name)
        if part is None or part.any_other:
            return _SHAPES.get(name, ".+?")
        return "|".join(part._pattern(one) for one in part.sentences)
