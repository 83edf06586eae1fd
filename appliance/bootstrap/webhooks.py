"""Builds what webhooks need: endpoints, queue, courier, replay, clean-up."""

from collections.abc import Callable
from dataclasses import dataclass

from appliance.bootstrap.ground import Ground
from appliance.services.webhook_cleanup import WebhookCleanup
from appliance.services.webhook_courier import WebhookCourier
from appliance.services.webhook_endpoints import WebhookEndpoints
from appliance.services.webhook_queue import WebhookQueue
from appliance.services.webhook_replay import WebhookReplay
from appliance.services.webhook_rules import RulesOfSending, url_rules


@dataclass(frozen=True, slots=True)
class Webhooks:
    endpoints: WebhookEndpoints
    queue: WebhookQueue
    courier: WebhookCourier
    replay: WebhookReplay
    cleanup: WebhookCleanup


def build_webhooks(ground: Ground, *, draining: Callable[[], bool]) -> Webhooks:
    settings, database, clock = ground.settings.webhooks, ground.database, ground.clock
    queue = WebhookQueue(database, settings, box_id=ground.box_id, clock=clock)
    courier = _courier(ground, queue, draining)
    return Webhooks(
        endpoints=WebhookEndpoints(database, ground.vault, url_rules(settings), most=settings.endpoints, clock=clock),
        queue=queue,
        courier=courier,
        replay=WebhookReplay(database, courier, lease_seconds=queue.lease_seconds, clock=clock),
        cleanup=WebhookCleanup(database, log_days=settings.log_days, clock=clock),
    )


def _courier(ground: Ground, queue: WebhookQueue, draining: Callable[[], bool]) -> WebhookCourier:
    settings = ground.settings.webhooks
    return WebhookCourier(
        ground.database,
        ground.vault,
        RulesOfSending(settings, ground.run_native, ground.look_up),
        waits=settings.retry_seconds,
        lease_seconds=queue.lease_seconds,
        draining=draining,
        clock=ground.clock,
    )
