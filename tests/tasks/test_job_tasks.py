from appliance.config.settings import Settings
from tests.task_services import RecordingServices, app_with

NAME = "appliance.tasks.job_tasks.run_job_task"


def test_task_hands_its_job_to_the_service(settings: Settings) -> None:
    services = RecordingServices()

    app_with(settings, services).tasks[NAME].run("job_1")

    assert services.ran == ["job_1"]
