"""Keeps the log of webhooks at its age, and ends what has waited too long for a paused endpoint. In small steps."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import WebhookDelivery, WebhookEndpoint
from appliance.db.queries import webhook_queue
from appliance.services.pace import Pace
from appliance.services.webhook_fanout import COLLECTS

STEP = 500
IN_VAIN = "The endpoint was paused for longer than 24 hours. It can be sent again once the endpoint is resumed."

Find = Callable[[Session], Sequence[str]]
Change = Callable[[Session, Sequence[str]], int]


class WebhookCleanup:
    def __init__(self, database: Database, *, log_days: int, clock: Clock) -> None:
        self._database = database
        self._age = timedelta(days=log_days)
        self._clock = clock

    def run(self) -> dict[str, int]:
        """Dying half-way leaves the rest for the next run."""
        now = self._clock()
        given_up = self._steps(lambda s: webhook_queue.waiting_in_vain(s, now - COLLECTS, STEP), _given_up(now))
        removed = self._steps(lambda s: webhook_queue.of_deleted_endpoints(s, STEP), WebhookDelivery.remove)
        removed += self._steps(lambda s: webhook_queue.old(s, now - self._age, STEP), WebhookDelivery.remove)
        self._database.write(_remove_empty)
        return {"given_up": given_up, "removed": removed}

    def _steps(self, find: Find, change: Change) -> int:
        changed, pace = 0, Pace()

        def step(session: Session) -> int:
            ids = find(session)
            return change(session, ids) if ids else 0

        while some := self._database.write(step):
            changed += some
            pace.step()
        return changed


def _given_up(now: datetime) -> Change:
    return lambda session, ids: WebhookDelivery.give_up_waiting(session, ids, error=IN_VAIN, now=now)


def _remove_empty(session: Session) -> None:
    """Endpoints that were deleted, now that nothing points to them."""
    gone = webhook_queue.empty_deleted_endpoints(session)
    if gone:
        session.execute(delete(WebhookEndpoint).where(WebhookEndpoint.id.in_(gone)))
