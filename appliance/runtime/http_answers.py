"""Waitress's answers, each begun in one packet."""

from typing import Any

from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

from appliance.web import malformed


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


class Refusal(ErrorTask):  # type: ignore[misc]
    """The answer to what never reaches the application. An error that brings an answer of its own keeps it."""

    def execute(self) -> None:
        error = self.request.error
        if type(error).to_response is Error.to_response:
            self.request.error = _InOurForm(error, self.request.headers.get("X_REQUEST_ID", ""))
        super().execute()


class _InOurForm:
    """Stands for an error of waitress, which would sign its answer."""

    def __init__(self, error: Error, given_id: str) -> None:
        self._status = f"{error.code} {error.reason}"
        self._headers, self._body = malformed.answer(error.code, f"{error.reason}: {error.body}.", given_id)

    def to_response(self, _ident: object = None) -> tuple[str, list[tuple[str, str]], bytes]:
        return self._status, self._headers, self._body
