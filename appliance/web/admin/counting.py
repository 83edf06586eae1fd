"""How many messages an action would change, counted beside the request: among very many that takes its time."""

import threading
import time
from collections import OrderedDict, deque

import structlog
from flask import Flask, current_app

from appliance.errors import ApplianceError
from appliance.language import gettext, in_this_language
from appliance.services.bulk import Bulk, BulkCount, BulkRequest

log = structlog.get_logger(__name__)

PATIENCE = 0.06  # seconds that a page waits for it; then it says that it is being counted
MOST_AT_ONCE = 3  # a count reads as much as the database has; more of them would only slow each other down
MOST_KEPT = 50
KEPT_SECONDS = 30  # an answer that nobody came for, which is many times what a page waits before it asks again


class Counting:
    """One question. Until `goes_on` is false, `found` is None; `trouble`: why there is no answer."""

    def __init__(self, bulk: Bulk, asked: BulkRequest) -> None:
        self._bulk = bulk
        self._asked = asked
        self.found: BulkCount | None = None
        self.trouble = ""
        self.goes_on = True
        self._ended_at = 0.0
        self.count = in_this_language(self._count)

    @property
    def is_stale(self) -> bool:
        return not self.goes_on and time.monotonic() - self._ended_at > KEPT_SECONDS

    def _count(self) -> None:
        try:
            self.found = self._bulk.count(self._asked)
        except ApplianceError as error:
            self.trouble = str(error)
        except Exception:  # the outermost edge of the thread: the page must hear that nothing comes any more
            log.exception("messages could not be counted")
            self.trouble = gettext("They could not be counted. The log says why.")
        finally:
            self._ended_at = time.monotonic()
            self.goes_on = False


class Countings:
    """The questions that are being answered, a few at a time: a page that asks again goes on with what it began."""

    def __init__(self) -> None:
        self._open: OrderedDict[BulkRequest, Counting] = OrderedDict()
        self._waiting: deque[Counting] = deque()
        self._at_work = 0
        self._changed = threading.Condition()

    def of(self, bulk: Bulk, asked: BulkRequest) -> Counting:
        with self._changed:
            counting = self._known(asked) or self._begin(Counting(bulk, asked))
            self._open[asked] = counting
            self._open.move_to_end(asked)
            self._forget_the_oldest()
            self._changed.wait_for(lambda: not counting.goes_on, PATIENCE)
            if not counting.goes_on:
                self._open.pop(asked, None)  # whoever asks later hears how things are then
        return counting

    def _known(self, asked: BulkRequest) -> Counting | None:
        found = self._open.get(asked)
        return None if found is None or found.is_stale else found

    def _begin(self, counting: Counting) -> Counting:
        self._waiting.append(counting)
        if self._at_work < MOST_AT_ONCE:
            self._at_work += 1
            threading.Thread(target=self._work, name="count messages", daemon=True).start()
        return counting

    def _forget_the_oldest(self) -> None:
        """Pages that nobody looks at any more; what was not begun for them never is."""
        while len(self._open) > MOST_KEPT:
            _, forgotten = self._open.popitem(last=False)
            if forgotten in self._waiting:
                self._waiting.remove(forgotten)

    def _work(self) -> None:
        while (counting := self._next()) is not None:
            counting.count()
            with self._changed:
                self._changed.notify_all()

    def _next(self) -> Counting | None:
        with self._changed:
            if self._waiting:
                return self._waiting.popleft()
            self._at_work -= 1
            return None


def begin(app: Flask) -> None:
    app.extensions["postroom_countings"] = Countings()


def countings() -> Countings:
    found: Countings = current_app.extensions["postroom_countings"]
    return found
