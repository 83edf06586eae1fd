"""When something that is seen becomes an alert, and when it is over: both only after it has lasted.

What is pending lives in memory. A restart lets it begin anew, so it makes an alert later, never one more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from appliance.db.models import Alert
from appliance.services.alert_conditions import Seen

Key = tuple[str, str, str]
"""Box (empty: all of them), kind, subject."""


@dataclass(frozen=True, slots=True)
class Verdict:
    raised: dict[Key, Seen]
    cleared: dict[Key, Alert]


class Hysteresis:
    """`timer` counts seconds and never jumps, as a clock may."""

    def __init__(self, raise_seconds: float, timer: Callable[[], float]) -> None:
        self._raise_seconds = raise_seconds
        self._timer = timer
        self._bad_since: dict[Key, float] = {}
        self._gone_since: dict[Key, float] = {}

    def settle(self, seen: Mapping[Key, Seen], opened: Mapping[Key, Alert]) -> Verdict:
        """What is between the marks lets nothing pend: it must be bad, or gone, without a break."""
        now = self._timer()
        bad = {key for key, one in seen.items() if one.bad and key not in opened}
        self._bad_since = {key: self._bad_since.get(key, now) for key in bad}
        self._gone_since = {key: self._gone_since.get(key, now) for key in opened.keys() - seen.keys()}
        raised = {key: seen[key] for key, since in self._bad_since.items() if now - since >= self._raise_seconds}
        cleared = {
            key: opened[key] for key, since in self._gone_since.items() if now - since >= opened[key].clear_seconds
        }
        return Verdict(raised, cleared)
