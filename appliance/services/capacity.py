"""Whether there is room for another message: on the disk, and in the queue.

Both are asked at each submission, so neither may cost anything. The disk is looked at once a second. The messages are
counted now and then, and those that were let in since are added: at the limit the count is made anew each second, far
from it hardly ever. What was sent meanwhile is not subtracted, and what is under way when a count begins is added
to it, for it may not be stored yet, however slow the database is: so never is more let in than the limit says.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from appliance.config.capacity_settings import CapacitySettings
from appliance.db.database import Database
from appliance.db.models.message import UNFINISHED
from appliance.db.queries import messages
from appliance.errors import DiskFull, QueueFull, StorageUnavailable
from appliance.language import gettext

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
            return gettext(
                "The disk of the data directory has %(there)s MB left, and new mail is accepted with %(limit)s MB or "
                "more ([capacity] min_free_mb). Make room on it.",
                there=self.there // MEGABYTE,
                limit=self.limit // MEGABYTE,
            )
        return gettext(
            "%(there)s messages have not ended yet, and no more are accepted above %(limit)s "
            "([capacity] queue_messages). Wait until some were sent.",
            there=self.there,
            limit=self.limit,
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
        self._let_in = 0  # in all
        self._under_way = 0  # of these, what may not be stored yet

    @contextmanager
    def room(self, count: int) -> Iterator[None]:
        """For so many new messages, which are stored inside. Raises DiskFull, QueueFull, StorageUnavailable."""
        self._require(count)
        self._let_in += count
        self._under_way += count
        try:
            yield
        finally:
            self._under_way -= count

    def require_disk(self) -> None:
        """Raises DiskFull."""
        short = self._of_disk()
        if short is not None:
            raise DiskFull(_refused(short), DISK_RETRY_SECONDS)

    def short(self) -> Short | None:
        """Why the next message would be refused, if it would."""
        try:
            return self._of_disk() or self._of_queue(1)
        except StorageUnavailable:
            return None  # that is told as what it is

    def _require(self, count: int) -> None:
        self.require_disk()
        short = self._of_queue(count)
        if short is not None:
            raise QueueFull(_refused(short), QUEUE_RETRY_SECONDS)
        self._unfinished += count

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
        under_way, let_in = self._under_way, self._let_in
        with self._database.read() as session:
            counts = messages.counts_by_status(session)
        meanwhile = self._let_in - let_in  # on a database server others go on while it counts
        self._unfinished = sum(counts[str(status)] for status in UNFINISHED) + under_way + meanwhile


def _refused(short: Short) -> str:
    return gettext("Nothing was accepted. %(why)s", why=short.sentence)
