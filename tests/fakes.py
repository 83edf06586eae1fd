"""Hand-written stand-ins for ports: a clock that a test turns, and a transport that does what it is told."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from appliance.db.models import SenderAccount
from appliance.mail.transport import Envelope, Reply, SendResult

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ACCEPTED = Reply(250, "2.0.0 Ok")

Answer = Exception | SendResult | Callable[[Envelope], SendResult]


class FakeClock:
    """Stands still until it is turned."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """`clock.advance(minutes=5)`; negative sets it back."""
        self.now += timedelta(**by)


class FakeTimer:
    """Counts seconds, when it is told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class FakeTransport:
    """Answers each send with the next of `answers`, and accepts once they are used up. Keeps every envelope."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.envelopes: list[Envelope] = []
        self.open = threading.Event()  # while it is cleared, a send takes as long as it stays so
        self.open.set()

    def send(self, envelope: Envelope) -> SendResult:
        self.envelopes.append(envelope)
        self.open.wait()
        answer = self.answers.pop(0) if self.answers else SendResult("fake:25", ACCEPTED)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, SendResult) else answer(envelope)

    def close(self) -> None:
        pass


class FakeTransports:
    """One transport a sender account, made when it is first asked for."""

    def __init__(self) -> None:
        self.made: dict[str, FakeTransport] = {}

    def of(self, account: SenderAccount) -> FakeTransport:
        return self.made.setdefault(account.id, FakeTransport())
