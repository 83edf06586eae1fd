"""Requests about the same thing take turns; those about another thing do not wait for them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from appliance.errors import Unavailable
from appliance.language import gettext

LONGEST_WAIT = 10.0  # seconds


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
        """Returns when nobody else is at it. Whoever begins must end.

        Raises Unavailable after `LONGEST_WAIT`: whoever waits keeps a thread of the server from everybody else.
        """
        with self.changed:
            if not self.changed.wait_for(lambda: thing not in self.under_way, LONGEST_WAIT):
                raise Unavailable(gettext("That is being done already. Look in a moment what came of it."))
            self.under_way.add(thing)

    def end(self, thing: str) -> None:
        with self.changed:
            self.under_way.discard(thing)
            self.changed.notify_all()
