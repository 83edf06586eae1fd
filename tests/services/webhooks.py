"""Webhooks as the appliance wires them, on a real database, with a clock that the test turns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from appliance.config.vault import Vault
from appliance.config.webhook_settings import WebhookSettings
from appliance.db.database import Database
from appliance.db.models import Event, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from appliance.db.models.base import insert_rows
from appliance.db.models.event import EventKind, of_account
from appliance.db.queries import webhooks
from appliance.services import webhook_fanout
from appliance.services.event_log import EventLog
from appliance.services.webhook_cleanup import WebhookCleanup
from appliance.services.webhook_courier import WebhookCourier
from appliance.services.webhook_endpoints import NewSecret, WebhookEndpoints
from appliance.services.webhook_form import EndpointForm
from appliance.services.webhook_queue import WebhookClaim, WebhookQueue
from appliance.services.webhook_replay import WebhookReplay
from appliance.services.webhook_rules import RulesOfSending, url_rules
from tests.fakes import FakeClock
from tests.webhook_receiver import WebhookReceiver

LOCAL = WebhookSettings(allow_http=True, allow_private=True, timeout_seconds=2)


@dataclass
class Hooks:
    database: Database
    clock: FakeClock
    settings: WebhookSettings = LOCAL
    box_id: str = "thisbox0"
    draining: bool = False
    vault: Vault = field(default_factory=lambda: Vault(Vault.new_key()))

    def __post_init__(self) -> None:
        database, clock, settings = self.database, self.clock, self.settings
        self.endpoints = WebhookEndpoints(
            database, self.vault, url_rules(settings), most=settings.endpoints, clock=clock
        )
        self.queue = WebhookQueue(database, settings, box_id=self.box_id, clock=clock)
        self.courier = WebhookCourier(
            database,
            self.vault,
            RulesOfSending(settings, lambda fn: fn()),
            waits=settings.retry_seconds,
            lease_seconds=self.queue.lease_seconds,
            draining=lambda: self.draining,
            clock=clock,
        )
        self.replay = WebhookReplay(database, self.courier, lease_seconds=self.queue.lease_seconds, clock=clock)
        self.cleanup = WebhookCleanup(database, log_days=settings.log_days, clock=clock)
        self.event_log = EventLog(self.database, [webhook_fanout.consume])

    def endpoint(self, receiver: WebhookReceiver | str, *events: str, api_key_id: str | None = None) -> NewSecret:
        url = receiver if isinstance(receiver, str) else receiver.url
        return self.endpoints.create(EndpointForm(url, events=events or ("*",)), api_key_id=api_key_id)

    def happen(self, kind: EventKind = EventKind.ACCOUNT_PAUSED, count: int = 1) -> None:
        """Events of the built-in mailbox, which stand in the log and are handed on."""
        rows = [of_account(kind, "acc_mailbox", self.clock()) for _ in range(count)]
        self.database.write(lambda session: Event.note(session, rows))
        self.hand_on()

    def hand_on(self) -> None:
        while self.event_log.turn():
            pass

    def claim(self) -> list[WebhookClaim]:
        return self.queue.claim()

    def send(self, claim: WebhookClaim) -> dict[str, int]:
        return self.courier.send(claim.delivery_ids, claim.id)

    def turn(self) -> None:
        """What is due now is claimed and sent, round after round until nothing can go."""
        while claims := self.claim():
            for claim in claims:
                self.send(claim)

    def deliveries(self, endpoint_id: str) -> Sequence[WebhookDelivery]:
        """The oldest first."""
        with self.database.read() as session:
            return list(reversed(webhooks.deliveries(session, endpoint_id, limit=1000)[0]))

    def states(self, endpoint_id: str) -> list[str]:
        return [one.state for one in self.deliveries(endpoint_id)]

    def attempts(self, delivery_id: str) -> Sequence[WebhookAttempt]:
        with self.database.read() as session:
            return webhooks.attempts(session, delivery_id)

    def stored(self, endpoint_id: str) -> WebhookEndpoint:
        with self.database.read() as session:
            found = session.get(WebhookEndpoint, endpoint_id)
            assert found is not None
            return found

    def add_delivery(self, endpoint_id: str, **overrides: Any) -> str:
        """A row, due now unless `overrides` say otherwise. Returns its id."""
        return self.add_deliveries(1, endpoint_id, **overrides)[0]

    def add_deliveries(self, count: int, endpoint_id: str, **overrides: Any) -> list[str]:
        usual = [webhook_fanout.row(endpoint_id, "account.paused", "{}", self.clock()) for _ in range(count)]
        rows = [row | overrides for row in usual]
        self.database.write(lambda session: insert_rows(session, WebhookDelivery, *rows))
        return [row["id"] for row in rows]

    def pass_time(self, **by: float) -> None:
        """Turn by turn, as the clock reaches what is due."""
        end = self.clock() + timedelta(**by)
        while True:
            self.turn()
            due = self._next_due()
            if due is None or due > end:
                break
            self.clock.now = max(due, self.clock.now)
        self.clock.now = end

    def _next_due(self) -> datetime | None:
        """When something can be sent next: it is due, and its endpoint has rested."""
        query = select(WebhookDelivery.due_at, WebhookEndpoint.rests_until).join(WebhookEndpoint)
        with self.database.read() as session:
            rows = session.execute(query.where(WebhookDelivery.due_at.is_not(None), WebhookEndpoint.active.is_(True)))
            return min((max(due_at, rests_until or due_at) for due_at, rests_until in rows if due_at), default=None)
