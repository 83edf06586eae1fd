"""Putting tasks on the queue."""

from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from appliance.errors import Unavailable
from appliance.tasks.celery_app import publish_priority
from appliance.tasks.email_tasks import send_email_task
from appliance.tasks.job_tasks import run_job_task
from appliance.tasks.scheduled_tasks import PERIODIC_TASKS
from appliance.tasks.webhook_tasks import send_webhooks_task

SEND_TASK = f"{send_email_task.__module__}.{send_email_task.__name__}"
WEBHOOK_TASK = f"{send_webhooks_task.__module__}.{send_webhooks_task.__name__}"
JOB_TASK = f"{run_job_task.__module__}.{run_job_task.__name__}"
SHOWN_IDS = 5


class BrokerUnavailable(Unavailable):
    """The task did not reach the broker. What it was about stays where it was, in the database."""


def enqueue_claim(celery: Celery, message_ids: list[str], claim_id: str, high_priority: bool = False) -> None:
    """Has the worker deliver claimed messages; a high priority batch overtakes those that wait.

    The task has the id of its claim, so that an attempt, which keeps that, leads to its task in the monitor.

    Raises:
        BrokerUnavailable: nothing was enqueued.
    """
    shown = _shown(message_ids, claim_id)
    args = (message_ids, claim_id)
    _publish(celery, SEND_TASK, args, argsrepr=shown, high_priority=high_priority, task_id=claim_id)


def enqueue_webhooks(celery: Celery, delivery_ids: list[str], claim_id: str) -> None:
    """Has the worker send claimed webhooks.

    Raises:
        BrokerUnavailable: nothing was enqueued.
    """
    shown = _shown(delivery_ids, claim_id)
    _publish(celery, WEBHOOK_TASK, (delivery_ids, claim_id), argsrepr=shown, high_priority=False)


def enqueue_job(celery: Celery, job_id: str) -> None:
    """Has the worker do a job.

    Raises:
        BrokerUnavailable: nothing was enqueued.
    """
    _publish(celery, JOB_TASK, (job_id,), argsrepr=f"({job_id})", high_priority=False)


def enqueue_periodic(celery: Celery, key: str) -> None:
    """Has the worker do the periodic piece of work that `[schedule] key` times.

    Raises:
        BrokerUnavailable: nothing was enqueued.
        KeyError: no periodic task has that key.
    """
    _publish(celery, PERIODIC_TASKS[key], (), argsrepr="()", high_priority=True)


def _publish(
    celery: Celery,
    name: str,
    args: tuple[Any, ...],
    *,
    argsrepr: str,
    high_priority: bool,
    task_id: str | None = None,
) -> None:
    priority = publish_priority(celery, high=high_priority)
    try:
        celery.tasks[name].apply_async(args, task_id=task_id, priority=priority, argsrepr=argsrepr, kwargsrepr="{}")
    except OperationalError as error:
        raise BrokerUnavailable(f"The broker cannot be reached: {error}. Check [broker] url and the server.") from error


def _shown(message_ids: list[str], claim_id: str) -> str:
    """What the monitor shows of the arguments. A few ids are enough, and cheaper than all of a batch."""
    ids = ", ".join(message_ids[:SHOWN_IDS])
    more = len(message_ids) - SHOWN_IDS
    return f"([{ids}{f', and {more} more' if more > 0 else ''}], {claim_id})"
