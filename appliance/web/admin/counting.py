"""How many messages an action would change, counted beside the request: among very many that takes its time."""

import threading
from collections import OrderedDict

import structlog
from flask import Flask, current_app

from appliance.errors import ApplianceError
from appliance.language import gettext
from appliance.services.bulk import Bulk, BulkCount, BulkRequest

log = structlog.get_logger(__name__)

PATIENCE = 0.06  # seconds that a page waits for it; then it says that it is being counted
MOST_KEPT = 50


class Counting:
    """One question, until it is answered. `trouble`: why it was not."""

    def __init__(self, bulk: Bulk, asked: BulkRequest) -> None:
        self._bulk = bulk
        self._asked = asked
        self.found: BulkCount | None = None
        self.trouble = ""
        self._thread = threading.Thread(target=self._count, name="count messages", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        self._thread.join(PATIENCE)

    @property
    def goes_on(self) -> bool:
        return self._thread.is_alive()

    def _count(self) -> None:
        try:
            self.found = self._bulk.count(self._asked)
        except ApplianceError as error:
            self.trouble = str(error)
        except Exception:  # the outermost edge of the thread: the page must hear that nothing comes any more
            log.exception("messages could not be counted")
            self.trouble = gettext("They could not be counted. The log says why.")


class Countings:
    """The questions that are being answered: a page that asks again goes on with what it began."""

    def __init__(self) -> None:
        self._open: OrderedDict[BulkRequest, Counting] = OrderedDict()

    def of(self, bulk: Bulk, asked: BulkRequest) -> Counting:
        counting = self._open.get(asked) or Counting(bulk, asked)
        counting.wait()
        if counting.goes_on:
            self._open[asked] = counting
        else:
            self._open.pop(asked, None)  # whoever asks later hears how things are then
        while len(self._open) > MOST_KEPT:
            self._open.popitem(last=False)
        return counting


def begin(app: Flask) -> None:
    app.extensions["postroom_countings"] = Countings()


def countings() -> Countings:
    found: Countings = current_app.extensions["postroom_countings"]
    return found
