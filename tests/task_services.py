"""The services as the tasks see them, recording what they were asked to do, and apps that use them."""

import threading
import uuid
from typing import Any

from pydantic import SecretStr

from appliance.config.settings import BrokerSettings, Settings
from appliance.tasks.celery_app import PostroomCelery, create_celery


class RecordingServices:
    """Counts as sent whatever it is given. While `gate` is closed, deliveries take as long as it stays so."""

    def __init__(self) -> None:
        self.started: list[list[str]] = []
        self.delivered: list[tuple[list[str], str]] = []
        self.ran: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    @property
    def delivery(self) -> "RecordingServices":
        return self

    @property
    def periodic(self) -> "RecordingServices":
        return self

    def deliver(self, message_ids: list[str], claim_id: str) -> dict[str, int]:
        self.started.append(message_ids)
        self.gate.wait()
        self.delivered.append((message_ids, claim_id))
        return {"sent": len(message_ids)}

    def run(self, key: str) -> dict[str, Any]:
        self.ran.append(key)
        return {"key": key}


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def app_with(settings: Settings, services: RecordingServices, url: str = "", namespace: str = "") -> PostroomCelery:
    """An app on a broker of its own, or on the one at `url`, in a namespace of its own."""
    broker = BrokerSettings(url=SecretStr(url or f"inprocess://{unique('test')}"))
    changed = settings.model_copy(update={"broker": broker})
    return create_celery(changed, services, namespace or unique("test"))
