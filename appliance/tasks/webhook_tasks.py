"""The task that sends webhooks."""

from appliance.tasks.services import BoundTask


def send_webhooks_task(self: BoundTask, delivery_ids: list[str], claim_id: str) -> dict[str, int]:
    """Sends claimed webhooks. Harmless when run twice: each is begun by compare-and-set."""
    return self.app.services.webhook_courier.send(delivery_ids, claim_id)
