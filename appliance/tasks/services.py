"""What the tasks need of the services, and how they come by it: through the Celery app, not through a global."""

from typing import Any, Protocol


class Delivery(Protocol):
    def deliver(self, message_ids: list[str], claim_id: str) -> dict[str, int]:
        """Sends the messages that this claim holds; counts them by outcome. What another claim holds is left alone."""


class Periodic(Protocol):
    def run(self, key: str, task_id: str = "") -> dict[str, Any]:
        """Does the periodic piece of work that `[schedule] key` times, and records that it ran, and as which task."""


class WebhookCourier(Protocol):
    def send(self, delivery_ids: list[str], claim_id: str) -> dict[str, int]:
        """Posts the webhooks that this claim holds; counts them by outcome. What it no longer holds is left alone."""


class JobRuns(Protocol):
    def run(self, job_id: str) -> dict[str, int]:
        """Does a job, or the rest of it; counts the rows that were changed and skipped."""


class TaskServices(Protocol):
    @property
    def delivery(self) -> Delivery: ...

    @property
    def job_runs(self) -> JobRuns: ...

    @property
    def periodic(self) -> Periodic: ...

    @property
    def webhook_courier(self) -> WebhookCourier: ...


class ServingApp(Protocol):
    services: TaskServices


class TaskRequest(Protocol):
    @property
    def id(self) -> str | None:
        """None where a task is called without a worker."""


class BoundTask(Protocol):
    """The `self` of a task."""

    @property
    def app(self) -> ServingApp: ...

    @property
    def request(self) -> TaskRequest: ...
