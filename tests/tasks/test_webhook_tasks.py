from appliance.config.settings import Settings
from tests.task_services import RecordingServices, app_with

NAME = "appliance.tasks.webhook_tasks.send_webhooks_task"


def test_task_hands_its_claim_to_the_courier(settings: Settings) -> None:
    services = RecordingServices()
    task = app_with(settings, services).tasks[NAME]

    counts = task.run(["whd_1", "whd_2"], "whc_1")

    assert services.sent == [(["whd_1", "whd_2"], "whc_1")]
    assert counts == {"delivered": 2}


def test_task_never_retries_and_is_acknowledged_early(settings: Settings) -> None:
    task = app_with(settings, RecordingServices()).tasks[NAME]

    assert not task.acks_late
    assert not getattr(task, "autoretry_for", ())
