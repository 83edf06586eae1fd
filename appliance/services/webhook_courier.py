"""Sends the webhooks of a claim: load (short read), post (no transaction open), record (short write)."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import structlog
from sqlalchemy.orm import Session

from appliance import __version__
from appliance.clock import Clock
from appliance.config.vault import Vault, VaultError
from appliance.db.database import Database
from appliance.db.models import WebhookDelivery, WebhookEndpoint
from appliance.db.models.webhook_delivery import DeliveryState
from appliance.db.queries import webhook_queue
from appliance.db.queries.webhook_queue import Outgoing
from appliance.services import webhook_record
from appliance.services.webhook_record import Tried
from appliance.webhooks import signature
from appliance.webhooks.post import Answer, Poster, Rules
from appliance.webhooks.words import NOT_SIGNED

NOT_ACCEPTED = "not_accepted"
OUTCOMES = (DeliveryState.DELIVERED, NOT_ACCEPTED)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Batch:
    claim_id: str
    endpoint: WebhookEndpoint
    deliveries: Sequence[Outgoing]


class WebhookCourier:
    def __init__(
        self,
        database: Database,
        vault: Vault,
        rules: Callable[[], Rules],
        *,
        waits: Sequence[int],
        lease_seconds: float,
        draining: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """`waits`: seconds after the first, second, ... failure. `draining`: whether the appliance stops."""
        self._database = database
        self._vault = vault
        self._rules = rules
        self._waits = tuple(waits)
        self._lease = timedelta(seconds=lease_seconds)
        self._draining = draining
        self._clock = clock
        self.outcomes: Counter[str] = Counter()  # of attempts, since the process started
        self.on_free: Callable[[], None] = lambda: None

    def send(self, delivery_ids: Sequence[str], claim_id: str) -> dict[str, int]:
        """Posts what this claim still holds, one after the other; counts the attempts by the state that they led to.

        Ends early when one fails: the others go back to the queue, where the endpoint may rest. Called twice for the
        same claim it does no harm: what it no longer holds is left alone.
        """
        batch = self._load(delivery_ids, claim_id)
        try:
            return dict(self._send_all(batch)) if batch else {}
        finally:
            self._database.write(partial(_release, claim_id, self._clock()))
            self.on_free()

    def attempt(self, endpoint: WebhookEndpoint, delivery: Outgoing) -> Tried:
        """One attempt, not recorded: for a test, whose result a person waits for."""
        with Poster(endpoint.url, self._rules()) as poster:
            return self._attempt(poster, endpoint, delivery)

    def _load(self, delivery_ids: Sequence[str], claim_id: str) -> _Batch | None:
        with self._database.read() as session:
            endpoint = webhook_queue.endpoint_of(session, claim_id)
            deliveries = webhook_queue.claimed(session, claim_id, delivery_ids)
        if endpoint is None or not endpoint.active:
            return None
        return _Batch(claim_id, endpoint, deliveries)

    def _send_all(self, batch: _Batch) -> Counter[str]:
        tally: Counter[str] = Counter()
        tried: Tried | None = None
        with Poster(batch.endpoint.url, self._rules()) as poster:
            for delivery in batch.deliveries:
                if self._draining() or (tried is not None and not tried.answer.accepted):
                    break
                if not self._record_and_begin(batch, tried, delivery):
                    tried = None
                    continue
                tried = self._attempt(poster, batch.endpoint, delivery)
                tally[_state(tried)] += 1
                self.outcomes[_state(tried)] += 1
        self._record_and_begin(batch, tried, None)
        return tally

    def _attempt(self, poster: Poster, endpoint: WebhookEndpoint, delivery: Outgoing) -> Tried:
        started_at, began = self._clock(), time.perf_counter()
        answer = self._post(poster, endpoint, delivery, started_at)
        return Tried(delivery, answer, started_at, round((time.perf_counter() - began) * 1000))

    def _post(self, poster: Poster, endpoint: WebhookEndpoint, delivery: Outgoing, now: datetime) -> Answer:
        body = delivery.payload.encode()
        try:
            signed = signature.headers(delivery.id, now, body, self._secrets(endpoint, now))
        except VaultError as error:
            return Answer(None, error=NOT_SIGNED % {"reason": error})
        usual = {"Content-Type": "application/json", "User-Agent": f"Postroom/{__version__}"}
        return poster.post(body, usual | signed)

    def _secrets(self, endpoint: WebhookEndpoint, now: datetime) -> list[str]:
        """The present one first."""
        stored = [endpoint.secret_encrypted]
        if endpoint.previous_secret_until is not None and now < endpoint.previous_secret_until:
            stored.append(endpoint.previous_secret_encrypted)
        return [self._vault.decrypt(one) for one in stored]

    def _record_and_begin(self, batch: _Batch, tried: Tried | None, following: Outgoing | None) -> bool:
        """One durable write between two attempts. True when `following` is ours to send."""
        now = self._clock()

        def write(session: Session) -> tuple[str, bool]:
            paused = ""
            if tried is not None:
                paused = webhook_record.record(session, batch.endpoint, batch.claim_id, tried, now, self._waits)
            if paused or following is None:
                return paused, False
            lease = {"now": now, "lease_until": now + self._lease}
            return paused, WebhookDelivery.begin(session, following.id, claim_id=batch.claim_id, **lease)

        if tried is None and following is None:
            return False
        paused, begun = self._database.write(write)
        _log(batch.endpoint, tried, paused)
        return begun


def _release(claim_id: str, now: datetime, session: Session) -> int:
    return WebhookDelivery.release(session, claim_id, now=now)


def _state(tried: Tried) -> str:
    return DeliveryState.DELIVERED if tried.answer.accepted else NOT_ACCEPTED


def _log(endpoint: WebhookEndpoint, tried: Tried | None, paused: str) -> None:
    if tried is not None and not tried.answer.accepted:
        log.warning("webhook not accepted", webhook=endpoint.id, delivery=tried.delivery.id, error=tried.answer.error)
    if paused:
        host = urlsplit(endpoint.url).hostname  # of the URL no more: the rest is often as good as a password
        log.error("webhook endpoint paused", webhook=endpoint.id, host=host, reason=paused)
