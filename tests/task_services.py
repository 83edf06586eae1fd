"""The services as the tasks see them, recording what they were asked to do, and apps that use them."""

import threading
import uuid
from typing import Any

import redis
from kombu import Connection, pools
from pydantic import SecretStr

from appliance.config.settings import BrokerSettings, Settings
from appliance.tasks.celery_app import PostroomCelery, create_celery


class RecordingServices:
    """Counts as sent whatever it is given. While `gate` is closed, deliveries take as long as it stays so."""

    def __init__(self) -> None:
        self.started: list[list[str]] = []
        self.delivered: list[tuple[list[str], str]] = []
        self.sent: list[tuple[list[str], str]] = []
        self.ran: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    @property
    def delivery(self) -> "RecordingServices":
        return self

    @property
    def periodic(self) -> "RecordingServices":
        return self

    @property
    def webhook_courier(self) -> "RecordingServices":
        return self

    @property
    def job_runs(self) -> "RecordingServices":
        return self

    def send(self, delivery_ids: list[str], claim_id: str) -> dict[str, int]:
        self.sent.append((delivery_ids, claim_id))
        return {"delivered": len(delivery_ids)}

    def deliver(self, message_ids: list[str], claim_id: str) -> dict[str, int]:
        self.started.append(message_ids)
        self.gate.wait()
        self.delivered.append((message_ids, claim_id))
        return {"sent": len(message_ids)}

    def run(self, key: str, _task_id: str = "") -> dict[str, Any]:
        self.ran.append(key)
        return {"key": key}


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def app_with(settings: Settings, services: RecordingServices, url: str = "", namespace: str = "") -> PostroomCelery:
    """An app on a broker of its own, or on the one at `url`, in a namespace of its own."""
    broker = BrokerSettings(url=SecretStr(url or f"inprocess://{unique('test')}"))
    changed = settings.model_copy(update={"broker": broker})
    return create_celery(changed, services, namespace or unique("test"))


def clean_up(url: str, namespace: str) -> None:
    """Removes from a real server what an app with that namespace left there."""
    pools.reset()
    if url.startswith("redis"):
        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter(f"{namespace}*"):
                client.delete(key)
        return
    with Connection(url) as connection:
        channel = connection.channel()
        channel.queue_delete(namespace)
        for exchange in (namespace, f"{namespace}.events", f"{namespace}.pidbox", f"reply.{namespace}.pidbox"):
            channel.exchange_delete(exchange)
