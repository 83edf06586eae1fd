"""The worker: Celery's own, embedded, with greenlets for its pool."""

from appliance.runtime.worker.component import Worker

__all__ = ["Worker"]
