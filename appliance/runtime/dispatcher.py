"""Claims from the outbox while delivery slots are free, and enqueues a task for each claim."""

import time
from collections.abc import Callable
from typing import ClassVar

import structlog

from appliance.config.settings import DispatcherSettings
from appliance.errors import Unavailable
from appliance.runtime.component import Component
from appliance.services.in_flight import Claim, InFlight
from appliance.services.outbox import Outbox
from appliance.services.rescue import Rescue

HOUSEKEEPING_SECONDS = 5.0
LONGEST_PATIENCE = 10.0
RAMP_SECONDS = 0.1  # between two looks while every slot is taken and messages wait

log = structlog.get_logger(__name__)


class Dispatcher(Component):
    name: ClassVar[str] = "dispatcher"

    def __init__(
        self,
        outbox: Outbox,
        rescue: Rescue,
        in_flight: InFlight,
        settings: DispatcherSettings,
        enqueue: Callable[[Claim], None],
        *,
        cpu_seconds: Callable[[], float] = time.process_time,
    ) -> None:
        super().__init__()
        self._outbox = outbox
        self._rescue = rescue
        self._in_flight = in_flight
        self._settings = settings
        self._enqueue = enqueue
        self._slots = Slots(settings, cpu_seconds)
        self._housekeeping_due = 0.0
        self._patience = 0.0
        self._backlog = False

    def run(self) -> None:
        self._rescue.of_box(self._outbox.claim_prefix, at_work=self._in_flight.ids())
        self.ready()
        while not self.stopping:
            self._outbox.wait(self._patience or (RAMP_SECONDS if self._backlog else self._settings.poll_seconds))
            self._guarded_turn()

    def interrupt(self) -> None:
        self._outbox.notify()

    def slots(self) -> int:
        return self._slots.count

    def _guarded_turn(self) -> None:
        try:
            self._turn()
            self._calm()
        except Unavailable as error:
            self._patience = min(LONGEST_PATIENCE, (self._patience or 0.5) * 2)
            self.report(str(error))
            log.error("dispatching waits", reason=str(error), seconds=self._patience)

    def _calm(self) -> None:
        if self._patience:
            self._patience = 0.0
            self.report("")

    def _turn(self) -> None:
        self._rescue.leftovers(self._in_flight.take_ended())
        self._keep_house()
        while not self.stopping and self._claim_once():
            pass

    def _claim_once(self) -> bool:
        """Returns whether looking again at once is worth it."""
        self._backlog = not self._in_flight.draining and self._outbox.has_due()
        if not self._backlog:
            return False
        used = self._in_flight.used_slots(high_priority=False)
        self._slots.adapt(all_used=used >= self._slots.count)
        free = max(0, self._slots.count - used)
        free_high = max(0, self._settings.high_priority_slots - self._in_flight.used_slots(high_priority=True))
        if free + free_high == 0:
            return False
        round_ = self._outbox.claim(free, free_high)
        for index, claim in enumerate(round_.claims):
            self._hand_over(claim, round_.claims[index + 1 :])
        self._backlog = round_.more
        return round_.more

    def _hand_over(self, claim: Claim, others: list[Claim]) -> None:
        self._in_flight.add(claim)
        try:
            self._enqueue(claim)
        except Unavailable:
            for unsent in (claim, *others):
                self._in_flight.end(unsent.id)
            self._rescue.leftovers([unsent.id for unsent in (claim, *others)])
            raise

    def _keep_house(self) -> None:
        now = time.monotonic()
        if now < self._housekeeping_due:
            return
        self._housekeeping_due = now + HOUSEKEEPING_SECONDS
        self._outbox.renew(self._in_flight.working_ids())
        self._outbox.expire()
        self._in_flight.forget(self._rescue.stale())
        self._in_flight.forget(self._outbox.closed_claims(self._in_flight.ids()))


class Slots:
    """How many batches are in delivery at once.

    With fast servers few slots make long batches, which cost least. With slow servers all slots wait on the network
    while the processor idles: then, and only then, more of them help.
    """

    BUSY = 0.85
    MEASURE_SECONDS = 0.1

    def __init__(self, settings: DispatcherSettings, cpu_seconds: Callable[[], float]) -> None:
        self._settings = settings
        self._cpu_seconds = cpu_seconds
        self.count = settings.min_slots
        self._wall = time.monotonic()
        self._cpu = cpu_seconds()
        self._starved = False

    def adapt(self, *, all_used: bool) -> None:
        """Called while there is something to send. `all_used`: no normal slot was free."""
        self._starved = self._starved or all_used
        wall, cpu = time.monotonic(), self._cpu_seconds()
        if wall - self._wall < self.MEASURE_SECONDS:
            return
        load = (cpu - self._cpu) / (wall - self._wall)
        self._wall, self._cpu = wall, cpu
        if load >= self.BUSY:
            self.count = max(self._settings.min_slots, self.count - 1)
        elif self._starved:
            self.count = min(self._settings.max_slots, self.count + 2)
        self._starved = False
