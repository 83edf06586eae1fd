"""The task that gets messages out."""

from appliance.tasks.services import BoundTask


def send_email_task(self: BoundTask, message_ids: list[str], claim_id: str) -> dict[str, int]:
    """Delivers claimed messages. Harmless when run twice: the claim is handed over once, by compare-and-set."""
    return self.app.services.delivery.deliver(message_ids, claim_id)
