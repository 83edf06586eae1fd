"""The language that a person reads: sentences are written in English, and looked up at the moment they are said.

Whoever shows them to a person says by `speak` which language that is. A program (API, log, command line) always reads
English, and so does whatever is kept in the database.
"""

from collections.abc import Callable
from contextvars import ContextVar
from gettext import NullTranslations
from typing import Any, TypeVar

T = TypeVar("T")

_spoken: ContextVar[NullTranslations] = ContextVar("spoken", default=NullTranslations())  # noqa: B039  # never changed


def speak(translations: NullTranslations) -> None:
    """Until the next call in this greenlet. Who serves one request after the other ends each by `be_plain`."""
    _spoken.set(translations)


def be_plain() -> None:
    """English again."""
    _spoken.set(NullTranslations())


def in_this_language(work: Callable[[], T]) -> Callable[[], T]:
    """`work` for a native thread: it speaks there as whoever asks for it does here."""
    translations = _spoken.get()

    def spoken() -> T:
        token = _spoken.set(translations)
        try:
            return work()
        finally:
            _spoken.reset(token)

    return spoken


def gettext(sentence: str, **facts: Any) -> str:
    """`sentence` in the language spoken now, its `%(name)s` filled in from `facts`."""
    said = _spoken.get().gettext(sentence)
    return said % facts if facts else said


def ngettext(one: str, many: str, count: int, **facts: Any) -> str:
    """The one of both that goes with `count`, which the sentence may name as `%(num)s`."""
    return _spoken.get().ngettext(one, many, count) % (facts | {"num": count})
