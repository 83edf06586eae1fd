"""What a check found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from appliance.config.settings import Settings


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One line of the report. `text` says what is so, `remedy` what to do about it."""

    level: Level
    subject: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.level:<8} {self.subject}: {self.text}"
        return f"{line} -> {self.remedy}" if self.remedy else line


Check = Callable[[Settings], Iterator[Finding]]
"""Changes nothing, and works while the appliance runs."""


def ok(subject: str, text: str) -> Finding:
    return Finding(Level.OK, subject, text)


def warning(subject: str, text: str, remedy: str) -> Finding:
    return Finding(Level.WARNING, subject, text, remedy)


def problem(subject: str, text: str, remedy: str) -> Finding:
    return Finding(Level.PROBLEM, subject, text, remedy)
