"""A language for tests in which whatever is translated stands between marks, so that what is not shows."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from gettext import NullTranslations

from appliance import language

_INNERMOST = re.compile(r"«[^«»]*»")


class Marked(NullTranslations):
    """`«It waits.»`; a part of a sentence that is translated by itself has marks of its own inside."""

    def gettext(self, message: str) -> str:
        return f"«{message}»"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    ugettext = gettext  # what Flask-Babel calls them
    ungettext = ngettext


def unmarked(text: str) -> str:
    """What is left of `text` without all that was translated."""
    inner = None
    while inner != text:
        inner, text = text, _INNERMOST.sub(" ", text)
    return text


@contextmanager
def marked() -> Iterator[None]:
    language.speak(Marked())
    try:
        yield
    finally:
        language.be_plain()
