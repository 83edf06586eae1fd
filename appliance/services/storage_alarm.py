"""Tells that the database keeps no writes: what could not be written down as an alert, so it lives in memory."""

from collections.abc import Callable

from appliance.errors import ApplianceError

TITLE = "Nothing can be stored"
REMEDY = "Nothing more is accepted or sent until that is mended. Check the disk of the data directory, and the log."


class StorageAlarm:
    """`tell(title, text)` tells the URLs alone: no mail can leave. `start` runs a function beside everything.

    A restart tells it again.
    """

    def __init__(
        self,
        tell: Callable[[str, str], None],
        start: Callable[[Callable[[], None]], object],
        *,
        raise_seconds: float,
        remind_seconds: float,
        timer: Callable[[], float],
    ) -> None:
        """`remind_seconds` 0: it is told once."""
        self._tell = tell
        self._start = start
        self._raise_seconds = raise_seconds
        self._remind_seconds = remind_seconds
        self._timer = timer
        self._since: float | None = None
        self._told_at: float | None = None

    def heed(self, trouble: str) -> None:
        """`trouble`: why the last write was not kept; empty when it was."""
        if trouble:
            self._since = self._timer() if self._since is None else self._since
            if self._is_due():
                self._told_at = self._timer()
                self._send(f"Alert: {TITLE}", f"{trouble} {REMEDY}")
            return
        if self._told_at is not None:
            self._send(f"Over: {TITLE}", "Writes are kept again.")
        self._since = self._told_at = None

    def _is_due(self) -> bool:
        assert self._since is not None
        if self._told_at is None:
            return self._timer() - self._since >= self._raise_seconds
        return bool(self._remind_seconds) and self._timer() - self._told_at >= self._remind_seconds

    def _send(self, title: str, text: str) -> None:
        self._start(lambda: self._try(title, text))

    def _try(self, title: str, text: str) -> None:
        try:
            self._tell(title, text)
        except ApplianceError:
            self._told_at = None  # the next look tries again
