"""What a command that a test ran came to."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Said:
    code: int
    out: str
    err: str


Command = Callable[..., Said]
