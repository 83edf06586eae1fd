"""Waitress's answers, each begun in one packet."""

from typing import Any

from waitress.task import WSGITask


class Answer(WSGITask):  # type: ignore[misc]  # waitress has no types
    """Sends its head together with the first of its body; waitress sends them one after the other."""

    channel: Any

    def write(self, data: bytes) -> None:
        if self.wrote_header:
            super().write(data)
            return
        channel = self.channel
        self.channel = gathered = _Gathered(channel)
        try:
            super().write(data)
        finally:
            self.channel = channel
        channel.write_soon(b"".join(gathered.pieces))


class _Gathered:
    """Stands for the channel while the first pieces are gathered."""

    def __init__(self, channel: Any) -> None:
        self.server = channel.server
        self.pieces: list[bytes] = []

    def write_soon(self, data: bytes) -> int:
        self.pieces.append(data)
        return len(data)
