"""Periodic tasks. The scheduler only enqueues them, so that the monitor shows all work in one place."""

from typing import Any

from appliance.tasks.services import BoundTask


def reset_email_daily_counts(self: BoundTask) -> dict[str, Any]:
    return self.app.services.periodic.run("reset_email_daily_counts")


def cleanup_expired_attachments(self: BoundTask) -> dict[str, Any]:
    return self.app.services.periodic.run("cleanup_expired_attachments")


def cleanup_expired_suppressions(self: BoundTask) -> dict[str, Any]:
    return self.app.services.periodic.run("cleanup_expired_suppressions")


PERIODIC_FUNCTIONS = (
    reset_email_daily_counts,
    cleanup_expired_attachments,
    cleanup_expired_suppressions,
)

PERIODIC_TASKS = {function.__name__: f"{__name__}.{function.__name__}" for function in PERIODIC_FUNCTIONS}
"""Key in `[schedule]` -> name of the task."""
