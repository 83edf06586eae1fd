import pytest

from appliance.health import Health, Status
from appliance.web.api.documents import System
from tests.web.api.letters import post
from tests.web.api.problems import problem_of
from tests.web.conftest import ApiClient, MakeApi, Parts


def test_system_tells_components_and_queue_depth(api: ApiClient, parts: Parts) -> None:
    parts.health = [Health("worker", Status.FAILED, "it broke", restarts=2)]
    parts.broker_queues = {"normal": 3}
    post(api)

    shown = api.get("/api/v1/system").get_json()

    System.model_validate(shown)
    assert shown["components"] == [
        {"name": "worker", "status": "failed", "detail": "it broke", "since": None, "restarts": 2}
    ]
    assert (shown["messages"]["queued"], shown["messages"]["sent"]) == (1, 0)
    assert list(shown["oldest"]) == ["queued"]
    assert shown["broker_queues"] == {"normal": 3}


def test_worker_is_asked(api: ApiClient) -> None:
    assert api.get("/api/v1/system/inspect/active").get_json() == {"asked": "active"}


@pytest.mark.parametrize("path", ["/api/v1/system", "/api/v1/system/inspect/active"])
def test_system_is_shut_without_manage(make_api: MakeApi, path: str) -> None:
    problem_of(make_api("send", "read").get(path), 403, "forbidden")
