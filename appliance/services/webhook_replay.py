"""Webhooks sent because somebody asks for them: a test, one delivery once more, all that failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from threading import BoundedSemaphore

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, WebhookDelivery, WebhookEndpoint
from appliance.db.models.base import insert_rows
from appliance.db.queries import webhook_queue, webhooks
from appliance.db.types import new_id
from appliance.errors import NotFound, Unavailable, WrongState
from appliance.language import gettext
from appliance.services import audit, webhook_fanout, webhook_payload, webhook_record
from appliance.services.pace import Pace
from appliance.services.permission import Permission, needs
from appliance.services.webhook_courier import WebhookCourier
from appliance.services.webhook_record import Tried

STEP = 500  # deliveries in one transaction, so that it holds nobody up
MOST_TESTS = 4  # at once: each keeps a request waiting, and receivers that are slow on purpose must not keep them all


@dataclass(frozen=True, slots=True)
class WebhookReport:
    """`status_code` None: there was no answer. `error` is empty when it was accepted."""

    delivery_id: str
    ok: bool
    status_code: int | None
    duration_ms: int
    answer: str
    error: str


class WebhookReplay:
    """`api_key_id` of every method: whose endpoints it is about; None: whoever manages the box, who sees all."""

    def __init__(self, database: Database, courier: WebhookCourier, *, lease_seconds: float, clock: Clock) -> None:
        self._database = database
        self._courier = courier
        self._lease = timedelta(seconds=lease_seconds)
        self._clock = clock
        self._tests = BoundedSemaphore(MOST_TESTS)

    @needs(Permission.ADMINISTER)
    def test(self, endpoint_id: str, *, api_key_id: str | None = None) -> WebhookReport:
        """Sends an event `webhook.test` and waits for the answer, also while the endpoint is paused.

        It is not tried again, and a failure does not count against the endpoint.

        Raises:
            NotFound: there is no such endpoint.
            Unavailable: MOST_TESTS are going on.
        """
        if not self._tests.acquire(blocking=False):
            raise Unavailable(
                gettext(
                    "%(most)s tests of endpoints are going on; try again when one of them has ended.", most=MOST_TESTS
                )
            )
        try:
            return self._test(endpoint_id, api_key_id)
        finally:
            self._tests.release()

    def _test(self, endpoint_id: str, api_key_id: str | None) -> WebhookReport:
        now = self._clock()
        claim_id = new_id("whc_test")
        row = webhook_fanout.row(
            endpoint_id,
            webhook_payload.TEST,
            webhook_payload.of_test(endpoint_id, now),
            now,
            claim_id=claim_id,
        )
        noted = audit.entry("webhook.tested", endpoint_id, {}, now)

        def write(session: Session) -> WebhookEndpoint:
            endpoint = _existing(session, endpoint_id, api_key_id)
            insert_rows(session, WebhookDelivery, row | {"due_at": now + self._lease})
            AuditEntry.note(session, noted | {"detail": {"url": endpoint.url}})
            return endpoint

        endpoint = self._database.write(write)
        outgoing = webhook_queue.Outgoing(row["id"], row["payload"], attempts=0, attempts_before=0, tried_since=now)
        tried = self._courier.attempt(endpoint, outgoing)
        self._database.write(partial(_record_test, endpoint_id, claim_id, tried, self._clock()))
        answer = tried.answer
        return WebhookReport(row["id"], answer.accepted, answer.status, tried.duration_ms, answer.text, answer.error)

    @needs(Permission.ADMINISTER)
    def one(self, delivery_id: str, *, api_key_id: str | None = None) -> None:
        """Sends a delivery once more, or now instead of later, under the same webhook-id.

        Raises:
            NotFound: there is no such delivery.
            WrongState: it is being sent or about to be, or its endpoint is paused.
        """
        now = self._clock()
        noted = audit.entry("webhook.replayed", delivery_id, {}, now)

        def write(session: Session) -> None:
            delivery = webhooks.delivery(session, delivery_id, api_key_id)
            if delivery is None:
                raise NotFound("webhook delivery", delivery_id)
            _require_active(_existing(session, delivery.endpoint_id, api_key_id))
            replayed = WebhookDelivery.replay(session, [delivery_id], now=now)
            if not replayed and not WebhookDelivery.hasten(session, delivery_id, now=now):
                raise WrongState(
                    gettext("The delivery is being sent right now or about to be; look again in a moment.")
                )
            AuditEntry.note(session, noted | {"detail": {"webhook": delivery.endpoint_id, "type": delivery.kind}})

        self._database.write(write)
        self._courier.on_free()

    @needs(Permission.ADMINISTER)
    def failed_since(self, endpoint_id: str, since: datetime, *, api_key_id: str | None = None) -> int:
        """Sends again what failed of the events since then, step by step. Returns how many. Safe to repeat.

        Raises:
            NotFound: there is no such endpoint.
            WrongState: it is paused.
        """
        noted = audit.entry("webhook.replayed", endpoint_id, {"since": since.isoformat()}, self._clock())
        self._database.write(partial(_begin_replay, endpoint_id, api_key_id, noted))
        replayed, last, pace = 0, "", Pace()
        while step := self._database.write(partial(_replay_step, endpoint_id, since, last, self._clock())):
            replayed, last = replayed + len(step), step[-1]
            self._courier.on_free()
            pace.step()
        return replayed


def _record_test(endpoint_id: str, claim_id: str, tried: Tried, now: datetime, session: Session) -> None:
    webhook_record.attempt(session, tried)
    delivery_id, answer = tried.delivery.id, tried.answer
    if answer.accepted:
        WebhookDelivery.deliver(session, delivery_id, attempts=1, now=now)
        WebhookEndpoint.note_success(session, endpoint_id)
    else:
        WebhookDelivery.fail(session, delivery_id, claim_id=claim_id, attempts=1, error=answer.error, now=now)


def _begin_replay(endpoint_id: str, api_key_id: str | None, noted: dict[str, object], session: Session) -> None:
    _require_active(_existing(session, endpoint_id, api_key_id))
    AuditEntry.note(session, noted)


def _replay_step(endpoint_id: str, since: datetime, after: str, now: datetime, session: Session) -> Sequence[str]:
    ids = webhooks.failed_since(session, endpoint_id, since, after=after, limit=STEP)
    if ids:
        WebhookDelivery.replay(session, ids, now=now)
    return ids


def _require_active(endpoint: WebhookEndpoint) -> None:
    if not endpoint.active:
        raise WrongState(gettext("The endpoint is paused: resume it first, then send again."))


def _existing(session: Session, endpoint_id: str, api_key_id: str | None) -> WebhookEndpoint:
    endpoint = webhooks.one(session, endpoint_id, api_key_id)
    if endpoint is None:
        raise NotFound("webhook", endpoint_id)
    return endpoint
