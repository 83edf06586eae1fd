"""Claims webhooks that are due, fairly: so many claims for each endpoint, so many together, and hands them to tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.webhook_settings import WebhookSettings
from appliance.db.database import Database
from appliance.db.models import WebhookDelivery
from appliance.db.queries import webhook_queue
from appliance.db.types import new_id
from appliance.errors import Unavailable

SPARE_SECONDS = 45.0
"""How much longer than one attempt may take a claim is left alone: its worker renews it before each attempt."""


@dataclass(frozen=True, slots=True)
class WebhookClaim:
    """Deliveries to one endpoint, which one task sends one after the other."""

    id: str
    delivery_ids: tuple[str, ...]


class WebhookQueue:
    def __init__(self, database: Database, settings: WebhookSettings, *, box_id: str, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._prefix = f"whc_{box_id}"
        self._rescued = False

    def turn(self, enqueue: Callable[[WebhookClaim], None]) -> bool:
        """Claims what is due and hands it to `enqueue`. True: there may be more that can be claimed at once.

        The first turn of a process first brings back what an earlier process of this box held when it died.

        Raises:
            Unavailable: what was claimed and not handed over is due again.
        """
        self._rescue_once()
        claims = self.claim()
        for index, claim in enumerate(claims):
            try:
                enqueue(claim)
            except Unavailable:
                self._release([one.id for one in claims[index:]])
                raise
        return bool(claims)

    def claim(self) -> list[WebhookClaim]:
        now = self._clock()
        with self._database.read() as session:
            endpoint_ids = webhook_queue.ready(session, now)
        if not endpoint_ids:
            return []
        return self._database.write(lambda session: self._claim(session, endpoint_ids, now))

    def _claim(self, session: Session, endpoint_ids: Sequence[str], now: datetime) -> list[WebhookClaim]:
        mine = webhook_queue.to_itself(session, endpoint_ids)  # before its claims are counted
        used = webhook_queue.claims(session, now)
        free = self._settings.concurrency - sum(used.values())
        made: list[WebhookClaim] = []
        for endpoint_id in sorted(mine, key=lambda one: used.get(one, 0)):  # who has least comes first
            slots = min(self._settings.per_endpoint - used.get(endpoint_id, 0), free - len(made))
            if slots > 0:
                made += self._claim_of(session, endpoint_id, slots, now)
        return made

    def _claim_of(self, session: Session, endpoint_id: str, slots: int, now: datetime) -> list[WebhookClaim]:
        due = webhook_queue.due(session, endpoint_id, now, slots * self._settings.batch_size)
        size = max(1, -(-len(due) // slots))
        lease_until = now + timedelta(seconds=self.lease_seconds)
        claims = []
        for start in range(0, len(due), size):
            claim = WebhookClaim(new_id(self._prefix), tuple(due[start : start + size]))
            WebhookDelivery.claim(session, claim.delivery_ids, claim_id=claim.id, now=now, lease_until=lease_until)
            claims.append(claim)
        return claims

    @property
    def lease_seconds(self) -> float:
        return self._settings.timeout_seconds + SPARE_SECONDS

    def _rescue_once(self) -> None:
        while not self._rescued:
            with self._database.read() as session:
                left = webhook_queue.claims_of_box(session, f"{self._prefix}_")
            self._release(left)
            self._rescued = not left

    def _release(self, claim_ids: Sequence[str]) -> None:
        now = self._clock()

        def write(session: Session) -> None:
            for claim_id in claim_ids:
                WebhookDelivery.release(session, claim_id, now=now)

        if claim_ids:
            self._database.write(write)
