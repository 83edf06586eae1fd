"""Builds what webhooks need: endpoints, queue, courier, replay, clean-up."""

from collections.abc import Callable
from dataclasses import dataclass

from appliance.clock import Clock
from appliance.config.vault import Vault
from appliance.config.webhook_settings import WebhookSettings
from appliance.db.database import Database
from appliance.db.write import RunNative
from appliance.services.webhook_cleanup import WebhookCleanup
from appliance.services.webhook_courier import WebhookCourier
from appliance.services.webhook_endpoints import WebhookEndpoints
from appliance.services.webhook_queue import WebhookQueue
from appliance.services.webhook_replay import WebhookReplay
from appliance.services.webhook_rules import RulesOfSending, url_rules
from appliance.webhooks.connection import Resolve


@dataclass(frozen=True, slots=True)
class Webhooks:
    endpoints: WebhookEndpoints
    queue: WebhookQueue
    courier: WebhookCourier
    replay: WebhookReplay
    cleanup: WebhookCleanup


def build_webhooks(
    settings: WebhookSettings,
    database: Database,
    vault: Vault,
    *,
    box_id: str,
    run_native: RunNative,
    draining: Callable[[], bool],
    resolve: Resolve,
    clock: Clock,
) -> Webhooks:
    queue = WebhookQueue(database, settings, box_id=box_id, clock=clock)
    courier = WebhookCourier(
        database,
        vault,
        RulesOfSending(settings, run_native, resolve),
        waits=settings.retry_seconds,
        lease_seconds=queue.lease_seconds,
        draining=draining,
        clock=clock,
    )
    return Webhooks(
        endpoints=WebhookEndpoints(database, vault, url_rules(settings), most=settings.endpoints, clock=clock),
        queue=queue,
        courier=courier,
        replay=WebhookReplay(database, courier, lease_seconds=queue.lease_seconds, clock=clock),
        cleanup=WebhookCleanup(database, log_days=settings.log_days, clock=clock),
    )
