"""One line on a terminal that says how far a piece of work is. Nothing where nobody looks."""

import sys
import time
from types import TracebackType

WORDS = {"database": "copying the database", "archive": "writing", "check": "reading back", "unpack": "reading"}
REDRAW_SECONDS = 0.2


class ProgressLine:
    """A `Progress`; leave the `with` to have the line removed."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._drawn_at = 0.0

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._shown:
            sys.stderr.write("\r\033[K")

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if self._shown and now - self._drawn_at >= REDRAW_SECONDS:
            self._drawn_at = now
            share = f" {done / total:4.0%}" if total else ""
            sys.stderr.write(f"\r\033[K{WORDS[stage]}{share} of {total / 2**20:,.0f} MiB")
            sys.stderr.flush()
