"""Requests about the same thing take turns; those about another thing do not wait for them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Turns:
    changed: threading.Condition = field(default_factory=threading.Condition)
    under_way: set[str] = field(default_factory=set)

    @contextmanager
    def of(self, thing: str) -> Iterator[None]:
        self.begin(thing)
        try:
            yield
        finally:
            self.end(thing)

    def begin(self, thing: str) -> None:
        """Returns when nobody else is at it. Whoever begins must end."""
        with self.changed:
            self.changed.wait_for(lambda: thing not in self.under_way)
            self.under_way.add(thing)

    def end(self, thing: str) -> None:
        with self.changed:
            self.under_way.discard(thing)
            self.changed.notify_all()
