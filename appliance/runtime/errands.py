"""Small work that is looked after all the time: each errand takes short turns, one after the other."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import structlog

from appliance.errors import Unavailable
from appliance.runtime.component import Component, describe

POLL_SECONDS = 1.0
REST_SECONDS = 0.01  # between two turns of an errand that has more to do: requests and deliveries come first

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Errand:
    """`turn` does one short step: database work, or the hand-over of due rows to a task. True: there is more."""

    name: str
    turn: Callable[[], bool]


class Errands(Component):
    """One errand that fails is reported and tried again at the next poll; the others go on."""

    name: ClassVar[str] = "errands"

    def __init__(self, errands: Sequence[Errand]) -> None:
        super().__init__()
        self._errands = tuple(errands)
        self._woken = threading.Event()
        self._failing: dict[str, str] = {}

    def notify(self) -> None:
        """There may be something to do. Losing the call costs one poll."""
        self._woken.set()

    def run(self) -> None:
        self.ready()
        more = True
        while not self.stopping:
            self._woken.wait(REST_SECONDS if more else POLL_SECONDS)
            self._woken.clear()
            more = any([self._take_turn(errand) for errand in self._errands])

    def interrupt(self) -> None:
        self._woken.set()

    def _take_turn(self, errand: Errand) -> bool:
        if self.stopping:
            return False
        try:
            more = errand.turn()
        except Unavailable as error:
            self._note_failure(errand, str(error))
            return False
        except Exception as error:  # noqa: BLE001 - the outermost edge of an errand: the others have nothing to do with it
            self._note_failure(errand, describe(error), exc_info=True)
            return False
        self._note_success(errand)
        return more

    def _note_failure(self, errand: Errand, error: str, *, exc_info: bool = False) -> None:
        if self._failing.get(errand.name) != error:  # the log hears it once
            log.error("an errand failed", errand=errand.name, error=error, exc_info=exc_info)
        self._failing[errand.name] = error
        self._say()

    def _note_success(self, errand: Errand) -> None:
        if self._failing.pop(errand.name, None) is not None:
            log.info("an errand works again", errand=errand.name)
            self._say()

    def _say(self) -> None:
        self.report("; ".join(f"{name}: {error}" for name, error in self._failing.items()))
