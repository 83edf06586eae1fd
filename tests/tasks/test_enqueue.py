import socket

import pytest

from appliance.config.settings import Settings
from appliance.tasks.enqueue import BrokerUnavailable, enqueue_claim, enqueue_job, enqueue_periodic, enqueue_webhooks
from tests.task_services import RecordingServices, app_with


def waiting(app: object) -> list[tuple[str, list[object], dict[str, object]]]:
    """(task name, args, headers) of what is on the queue, in the order in which a worker would get it."""
    taken = []
    with app.connection_for_read() as connection:  # type: ignore[attr-defined]
        queue = app.amqp.queues[app.conf.task_default_queue](connection.channel())  # type: ignore[attr-defined]
        while (message := queue.get(no_ack=True)) is not None:
            taken.append((message.headers["task"], message.payload[0], message.headers))
    return taken


def test_claim_is_enqueued_with_ids_only(settings: Settings) -> None:
    app = app_with(settings, RecordingServices())

    enqueue_claim(app, ["msg_1", "msg_2"], "clm_1")

    [(name, args, _)] = waiting(app)
    assert name == "appliance.tasks.email_tasks.send_email_task"
    assert args == [["msg_1", "msg_2"], "clm_1"]


def test_task_of_a_claim_has_the_id_of_the_claim(settings: Settings) -> None:
    app = app_with(settings, RecordingServices())

    enqueue_claim(app, ["msg_1"], "clm_1")

    [(_, _, headers)] = waiting(app)
    assert headers["id"] == "clm_1"


def test_job_is_enqueued_by_its_id(settings: Settings) -> None:
    app = app_with(settings, RecordingServices())

    enqueue_job(app, "job_1")

    [(name, args, _)] = waiting(app)
    assert (name, args) == ("appliance.tasks.job_tasks.run_job_task", ["job_1"])


def test_high_priority_claim_overtakes_those_that_wait(settings: Settings) -> None:
    app = app_with(settings, RecordingServices())

    for claim in ("clm_1", "clm_2"):
        enqueue_claim(app, ["msg_low"], claim)
    enqueue_claim(app, ["msg_high"], "clm_3", high_priority=True)

    assert [args[1] for _, args, _ in waiting(app)] == ["clm_3", "clm_1", "clm_2"]


def test_monitor_is_shown_a_few_ids_of_a_large_batch(settings: Settings) -> None:
    app = app_with(settings, RecordingServices())

    enqueue_claim(app, [f"msg_{number}" for number in range(50)], "clm_1")

    [(_, _, headers)] = waiting(app)
    assert headers["argsrepr"] == "([msg_0, msg_1, msg_2, msg_3, msg_4, and 45 more], clm_1)"


def test_webhooks_are_enqueued_with_ids_only(settings: Settings) -> None:
    app = app_with(settings, RecordingServices())

    enqueue_webhooks(app, ["whd_1", "whd_2"], "whc_1")

    [(name, args, _)] = waiting(app)
    assert name == "appliance.tasks.webhook_tasks.send_webhooks_task"
    assert args == [["whd_1", "whd_2"], "whc_1"]


def test_periodic_task_is_enqueued_by_its_key(settings: Settings) -> None:
    app = app_with(settings, RecordingServices())

    enqueue_periodic(app, "reset_email_daily_counts")

    assert [name for name, _, _ in waiting(app)] == ["appliance.tasks.scheduled_tasks.reset_email_daily_counts"]


def test_enqueueing_many_keeps_to_one_connection(settings: Settings) -> None:
    app = app_with(settings, RecordingServices())

    for number in range(20):
        enqueue_claim(app, [f"msg_{number}"], "clm_1")

    assert len(app.producer_pool._dirty) == 0
    assert len([item for item in app.pool._resource.queue if not callable(item)]) <= 1


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_unreachable_broker_is_told_to_the_caller(settings: Settings, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    app = app_with(settings, RecordingServices(), f"{scheme}://127.0.0.1:{port}/0")

    with pytest.raises(BrokerUnavailable, match="broker"):
        enqueue_claim(app, ["msg_1"], "clm_1")
