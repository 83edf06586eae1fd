"""Periodic tasks. The scheduler only enqueues them, so that the monitor shows all work in one place."""

from typing import Any

from appliance.tasks.services import BoundTask


def reset_email_daily_counts(self: BoundTask) -> dict[str, Any]:
    return _run(self, "reset_email_daily_counts")


def cleanup_expired_attachments(self: BoundTask) -> dict[str, Any]:
    return _run(self, "cleanup_expired_attachments")


def cleanup_expired_suppressions(self: BoundTask) -> dict[str, Any]:
    return _run(self, "cleanup_expired_suppressions")


def prune_statistics(self: BoundTask) -> dict[str, Any]:
    return _run(self, "prune_statistics")


def cleanup_webhooks(self: BoundTask) -> dict[str, Any]:
    return _run(self, "cleanup_webhooks")


def apply_retention(self: BoundTask) -> dict[str, Any]:
    return _run(self, "apply_retention")


def cleanup_finished_jobs(self: BoundTask) -> dict[str, Any]:
    return _run(self, "cleanup_finished_jobs")


def backup(self: BoundTask) -> dict[str, Any]:
    return _run(self, "backup")


def check_certificates(self: BoundTask) -> dict[str, Any]:
    return _run(self, "check_certificates")


def _run(task: BoundTask, key: str) -> dict[str, Any]:
    return task.app.services.periodic.run(key, task.request.id or "")


PERIODIC_FUNCTIONS = (
    reset_email_daily_counts,
    cleanup_expired_attachments,
    cleanup_expired_suppressions,
    cleanup_finished_jobs,
    prune_statistics,
    cleanup_webhooks,
    apply_retention,
    backup,
    check_certificates,
)

PERIODIC_TASKS = {function.__name__: f"{__name__}.{function.__name__}" for function in PERIODIC_FUNCTIONS}
"""Key in `[schedule]` -> name of the task."""
