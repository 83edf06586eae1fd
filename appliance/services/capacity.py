"""Whether there is room for another message: on the disk, and in the queue.

Both are asked at each submission, so neither may cost anything. The disk is looked at once a second. The messages are
counted now and then, and those that were let in since are added: at the limit the count is made anew each second, far
from it hardly ever. What was sent meanwhile is not subtracted, and what was let in within the second before a count is
added to it, for it may not be stored yet: so never is more let in than the limit says.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from appliance.config.capacity_settings import CapacitySettings
from appliance.db.database import Database
from appliance.db.models.message import UNFINISHED
from appliance.db.queries import messages
from appliance.errors import DiskFull, QueueFull, StorageUnavailable

MEGABYTE = 1024 * 1024
LOOK_SECONDS = 1.0
COUNT_SECONDS = 30.0  # what a person retries in bulk is not counted when it comes back
DISK_RETRY_SECONDS = 30.0
QUEUE_RETRY_SECONDS = 5.0


class Shortage(StrEnum):
    DISK = "disk"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Short:
    """Why new mail is refused now: there is `there` of what `limit` is set to (bytes, or messages)."""

    of: Shortage
    there: int
    limit: int

    @property
    def sentence(self) -> str:
        if self.of is Shortage.DISK:
            return (
                f"The disk of the data directory has {self.there // MEGABYTE} MB left, and new mail is accepted with "
                f"{self.limit // MEGABYTE} MB or more ([capacity] min_free_mb). Make room on it."
            )
        return (
            f"{self.there} messages have not ended yet, and no more are accepted above {self.limit} "
            "([capacity] queue_messages). Wait until some were sent."
        )


class Capacity:
    def __init__(
        self,
        database: Database,
        settings: CapacitySettings,
        free: Callable[[], int],
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """`free`: the bytes that may still be written to the disk of the data directory."""
        self._database = database
        self._floor = settings.min_free_mb * MEGABYTE
        self._limit = settings.queue_messages
        self._timer = timer
        self._free = free
        self._left = 0
        self._looked_at = -LOOK_SECONDS
        self._unfinished = 0
        self._counted_at = -COUNT_SECONDS
        self._let_in: deque[tuple[float, int]] = deque()  # when and how many, in the last second

    def require(self, count: int) -> None:
        """For so many new messages. Raises DiskFull, QueueFull, StorageUnavailable."""
        self.require_disk()
        short = self._of_queue(count)
        if short is not None:
            raise QueueFull(f"Nothing was accepted. {short.sentence}", QUEUE_RETRY_SECONDS)
        self._unfinished += count
        if self._limit:
            self._let_in.append((self._timer(), count))
            self._forget_earlier()

    def require_disk(self) -> None:
        """Raises DiskFull."""
        short = self._of_disk()
        if short is not None:
            raise DiskFull(f"Nothing was accepted. {short.sentence}", DISK_RETRY_SECONDS)

    def short(self) -> Short | None:
        """Why the next message would be refused, if it would."""
        try:
            return self._of_disk() or self._of_queue(1)
        except StorageUnavailable:
            return None  # that is told as what it is

    def _of_disk(self) -> Short | None:
        now = self._timer()
        if self._floor and now - self._looked_at >= LOOK_SECONDS:
            self._looked_at, self._left = now, self._free()
        return Short(Shortage.DISK, self._left, self._floor) if self._left < self._floor else None

    def _of_queue(self, count: int) -> Short | None:
        if not self._limit:
            return None
        age = self._timer() - self._counted_at
        if age >= COUNT_SECONDS or (self._unfinished + count > self._limit and age >= LOOK_SECONDS):
            self._count()
        above = self._unfinished + count > self._limit
        return Short(Shortage.QUEUE, self._unfinished, self._limit) if above else None

    def _count(self) -> None:
        self._counted_at = self._timer()
        with self._database.read() as session:
            counts = messages.counts_by_status(session)
        self._forget_earlier()
        self._unfinished = sum(counts[str(status)] for status in UNFINISHED) + sum(count for _, count in self._let_in)

    def _forget_earlier(self) -> None:
        while self._let_in and self._timer() - self._let_in[0][0] >= LOOK_SECONDS:
            self._let_in.popleft()
