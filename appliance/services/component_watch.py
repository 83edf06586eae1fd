"""Which parts of the process do not stay up: they fail, or have been started again lately, more than once."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance.health import Health, Status

WINDOW = timedelta(minutes=10)
MANY = 2  # restarts within the window; one alone is what a supervisor is for


@dataclass(frozen=True, slots=True)
class Unsteady:
    """`restarts`: within the last ten minutes. Not `bad`: it has recovered, but it is too early to rely on it."""

    name: str
    restarts: int
    error: str
    bad: bool


class ComponentWatch:
    """`health` is set once there is a supervisor that can answer."""

    def __init__(self) -> None:
        self.health: Callable[[], Sequence[Health]] = lambda: ()
        self._known: dict[str, int] = {}
        self._restarts: dict[str, deque[datetime]] = defaultdict(deque)

    def look(self, now: datetime) -> Iterator[Unsteady]:
        """Restarts are noticed from one look to the next."""
        for one in self.health():
            lately = self._lately(one, now)
            failed = one.status is Status.FAILED
            if failed or lately:
                yield Unsteady(one.name, lately, one.detail, failed or lately >= MANY)

    def _lately(self, one: Health, now: datetime) -> int:
        seen = self._restarts[one.name]
        seen.extend([now] * (one.restarts - self._known.get(one.name, 0)))
        self._known[one.name] = one.restarts
        while seen and seen[0] <= now - WINDOW:
            seen.popleft()
        return len(seen)
