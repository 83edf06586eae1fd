import pytest

from appliance.config.settings import BrokerSettings, Settings
from appliance.tasks.celery_app import create_celery, publish_priority
from appliance.tasks.scheduled_tasks import PERIODIC_TASKS
from tests.task_services import RecordingServices, app_with

CELERY_OWN = {
    "celery.accumulate",
    "celery.backend_cleanup",
    "celery.chain",
    "celery.chord",
    "celery.chord_unlock",
    "celery.chunks",
    "celery.group",
    "celery.map",
    "celery.starmap",
}


def test_our_tasks_are_registered_beside_celery_own(settings: Settings) -> None:
    app = create_celery(settings, RecordingServices())

    assert set(app.tasks) - CELERY_OWN == {
        "appliance.tasks.email_tasks.send_email_task",
        "appliance.tasks.webhook_tasks.send_webhooks_task",
        "appliance.tasks.job_tasks.run_job_task",
        *PERIODIC_TASKS.values(),
    }
    assert set(app.tasks) >= CELERY_OWN


@pytest.mark.parametrize("url", ["inprocess://", "amqp://me:secret@mq.example.com:5671/mail", "redis://:secret@r/3"])
def test_broker_url_is_used_unchanged(settings: Settings, url: str) -> None:
    app = app_with(settings, RecordingServices(), url)

    assert app.conf.broker_url == url


def test_only_json_is_spoken(settings: Settings) -> None:
    app = create_celery(settings, RecordingServices())

    assert app.conf.accept_content == ["json"]
    assert {app.conf.task_serializer, app.conf.result_serializer, app.conf.event_serializer} == {"json"}


def test_there_is_no_result_backend_unless_configured(settings: Settings) -> None:
    configured = settings.model_copy(update={"broker": BrokerSettings(result_backend="redis://127.0.0.1/9")})

    assert type(create_celery(settings, RecordingServices()).backend).__name__ == "DisabledBackend"
    assert create_celery(configured, RecordingServices()).conf.result_backend == "redis://127.0.0.1/9"


def test_high_priority_is_the_large_number_except_for_redis(settings: Settings) -> None:
    numbers = {
        url: (publish_priority(app, high=True), publish_priority(app, high=False))
        for url in ("inprocess://", "amqp://127.0.0.1//", "redis://127.0.0.1/0", "rediss://127.0.0.1/0")
        for app in [app_with(settings, RecordingServices(), url)]
    }

    assert numbers == {
        "inprocess://": (9, 0),
        "amqp://127.0.0.1//": (9, 0),
        "redis://127.0.0.1/0": (0, 9),
        "rediss://127.0.0.1/0": (0, 9),
    }


def test_building_an_app_makes_it_nobody_elses_default(settings: Settings) -> None:
    first, second = (create_celery(settings, RecordingServices()) for _ in range(2))

    assert first.services is not second.services
    assert first.tasks["appliance.tasks.email_tasks.send_email_task"].app is first
