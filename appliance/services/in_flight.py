"""The claims that this process has handed out and not heard the end of: what fills the dispatcher's slots.

It is memory, not truth: a claim that is lost with the process is found in the database and rescued.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """Messages that one task sends through one account over one connection. The slot is normal or high priority."""

    id: str
    account_id: str
    message_ids: tuple[str, ...]
    high_priority: bool = False


class InFlight:
    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self._lock = threading.Lock()
        self._claims: dict[str, Claim] = {}
        # counted, for a broker may deliver a task twice: the claim ends with the last of them
        self._working: Counter[str] = Counter()
        self._ended: set[str] = set()
        self._draining = threading.Event()
        self.on_change = on_change

    def add(self, claim: Claim) -> None:
        with self._lock:
            self._claims[claim.id] = claim

    @contextmanager
    def working(self, claim_id: str) -> Iterator[None]:
        """Around the work on a claim. However it ends, the slot is free after it and leftovers are looked for."""
        with self._lock:
            self._working[claim_id] += 1
        try:
            yield
        finally:
            self._leave(claim_id)

    def _leave(self, claim_id: str) -> None:
        with self._lock:
            self._working[claim_id] -= 1
            others_at_work = self._working[claim_id] > 0
            if not others_at_work:
                del self._working[claim_id]
        if not others_at_work:
            self.end(claim_id)

    def end(self, claim_id: str) -> None:
        with self._lock:
            if self._claims.pop(claim_id, None) is not None:
                self._ended.add(claim_id)
        self.on_change()

    def take_ended(self) -> set[str]:
        """Claims that ended since the last call."""
        with self._lock:
            ended, self._ended = self._ended, set()
            return ended

    def forget(self, claim_ids: set[str]) -> None:
        """Claims that nobody works on any more: rescued, or gone from the database."""
        with self._lock:
            for claim_id in claim_ids - set(self._working):
                self._claims.pop(claim_id, None)

    def working_ids(self) -> set[str]:
        with self._lock:
            return set(self._working)

    def ids(self) -> set[str]:
        """Handed out or at work."""
        with self._lock:
            return {*self._claims, *self._working}

    def used_slots(self, *, high_priority: bool) -> int:
        with self._lock:
            return sum(claim.high_priority is high_priority for claim in self._claims.values())

    def drain(self) -> None:
        """From now on a worker ends after the message it is at; the rest of its claim goes back to the outbox."""
        self._draining.set()

    @property
    def draining(self) -> bool:
        return self._draining.is_set()
