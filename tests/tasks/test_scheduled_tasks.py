import pytest

from appliance.config.settings import ScheduleSettings, Settings
from appliance.tasks.scheduled_tasks import PERIODIC_TASKS
from tests.task_services import RecordingServices, app_with


def test_every_key_of_the_schedule_has_a_task_and_every_task_a_key() -> None:
    assert set(PERIODIC_TASKS) == set(ScheduleSettings.model_fields)


@pytest.mark.parametrize("key", PERIODIC_TASKS)
def test_periodic_task_runs_the_work_of_its_key(settings: Settings, key: str) -> None:
    services = RecordingServices()
    task = app_with(settings, services).tasks[PERIODIC_TASKS[key]]

    result = task.run()

    assert services.ran == [key]
    assert result == {"key": key}
