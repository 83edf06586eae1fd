"""The Celery application: how tasks travel. What they do stands in the services."""

# mypy: allow-untyped-calls

from collections import Counter
from typing import Any

from celery import Celery, Task
from kombu.entity import Exchange, Queue

from appliance.config.settings import Settings
from appliance.tasks import email_tasks, job_tasks, scheduled_tasks, webhook_tasks
from appliance.tasks.broker import register_transport
from appliance.tasks.services import TaskServices

NAMESPACE = "postroom"
MAX_PRIORITY = 9
REDIS_SCHEMES = ("redis", "rediss", "sentinel")

TASK_FUNCTIONS = (
    email_tasks.send_email_task,
    job_tasks.run_job_task,
    webhook_tasks.send_webhooks_task,
    *scheduled_tasks.PERIODIC_FUNCTIONS,
)


class CountedTask(Task):  # type: ignore[misc]  # Celery has no types
    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        self.app.task_states["started"] += 1

    def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:  # noqa: ARG002
        self.app.task_states[status.lower()] += 1


class PostroomCelery(Celery):  # type: ignore[misc]
    """A Celery app that carries the services to its tasks, and counts what became of those that ran here."""

    services: TaskServices
    task_states: Counter[str]


def create_celery(settings: Settings, services: TaskServices, namespace: str = NAMESPACE) -> PostroomCelery:
    """An app with the appliance's tasks.

    `namespace` names its queue and, on a shared server, keeps its events and control commands apart from those of
    other Celery applications.
    """
    register_transport()
    app = PostroomCelery(namespace, set_as_current=False, fixups=(), task_cls=CountedTask)
    app.services = services
    app.task_states = Counter(started=0, success=0, failure=0)
    app.conf.update(_configuration(settings, namespace))
    for function in TASK_FUNCTIONS:
        app.task(bind=True, name=f"{function.__module__}.{function.__name__}")(function)
    app.finalize()  # before any worker consumes: a task that is registered later never runs
    return app


def publish_priority(app: Celery, *, high: bool) -> int:
    """The number that means "first" to this broker: RabbitMQ and ours count upwards, Redis downwards."""
    scheme = str(app.conf.broker_url).partition(":")[0].partition("+")[0]
    counts_down = scheme in REDIS_SCHEMES
    return MAX_PRIORITY if high is not counts_down else 0


def _configuration(settings: Settings, namespace: str) -> dict[str, Any]:
    return {
        "broker_url": settings.broker_url,
        "result_backend": settings.broker.result_backend or None,
        "timezone": settings.appliance.timezone,
        **_FORMAT,
        **_TASKS,
        **_EVENTS,
        **_CONNECTIONS,
        **_names(settings.broker_url, namespace),
    }


def _names(broker_url: str, namespace: str) -> dict[str, Any]:
    queue = Queue(namespace, Exchange(namespace), routing_key=namespace, max_priority=MAX_PRIORITY)
    redis = broker_url.startswith(REDIS_SCHEMES)
    return {
        "task_queues": [queue],
        "task_default_queue": namespace,
        "task_default_exchange": namespace,
        "task_default_routing_key": namespace,
        "control_exchange": namespace,
        "event_exchange": f"{namespace}.events",
        "event_queue_prefix": f"{namespace}.events",
        "broker_transport_options": _RETRIES | ({"global_keyprefix": f"{namespace}:"} if redis else {}),
    }


_FORMAT = {
    "task_serializer": "json",
    "result_serializer": "json",
    "event_serializer": "json",
    "accept_content": ["json"],
    "result_accept_content": ["json"],
}

_TASKS = {
    "task_ignore_result": True,
    # early: a task that dies with the process is found in the database by its lease, and never delivered twice for it
    "task_acks_late": False,
    "task_default_delivery_mode": "transient",  # the database is the durable copy
    "task_create_missing_queues": True,
    "worker_prefetch_multiplier": 1,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "worker_cancel_long_running_tasks_on_connection_loss": True,  # concerns late acknowledgement only
    "worker_enable_prefetch_count_reduction": False,
}

_EVENTS = {
    "worker_send_task_events": True,
    "task_send_sent_event": True,
    "event_queue_ttl": 60.0,  # seconds: a monitor that was busy for a moment still learns how a task ended
    "event_queue_expires": 60.0,
}

# Who enqueues or inspects hears soon that the broker is away; the outbox keeps the messages. The worker goes on trying.
_RETRIES: dict[str, Any] = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.4}

_CONNECTIONS = {
    "broker_connection_retry": True,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_pool_limit": 10,
    "task_publish_retry": True,
    "task_publish_retry_policy": _RETRIES,
}
