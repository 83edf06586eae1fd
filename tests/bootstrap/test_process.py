"""The whole appliance inside the test process, where a test can raise an error in the loop of any part."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.config.settings import ApplianceSettings, Settings
from appliance.health import Health, Status
from tests.built_appliance import Built, built, strike
from tests.waiting import wait_until

NAMES = ["worker", "monitor", "dispatcher", "errands", "scheduler", "http server"]


class Running:
    """An appliance whose supervisor runs in a thread."""

    def __init__(self, parts: Built) -> None:
        self.parts = parts
        self.exit_code: int | None = None
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()
        wait_until(self.parts.core.data_dir.run_file.exists)

    def stop(self) -> None:
        self.parts.appliance.supervisor.request_stop()
        self._thread.join(30)

    def health(self, name: str) -> Health:
        return next(health for health in self.parts.appliance.supervisor.health() if health.name == name)

    def health_page(self) -> dict[str, dict[str, Any]]:
        """What /health says of each component, whatever its status code is."""
        try:
            answer = self._ask(urllib.request.Request(self._url("/health")))
        except urllib.error.HTTPError as error:
            answer = json.load(error)
        return {component["name"]: component for component in answer["components"]}

    def post_message(self) -> str:
        """Returns its id; it was accepted."""
        body = {"to": ["ann@example.com"], "subject": "Hello", "text": "Hello"}
        headers = {"Content-Type": "application/json", **self._authorization()}
        request = urllib.request.Request(
            self._url("/api/v1/messages"), json.dumps(body).encode(), headers, method="POST"
        )
        return str(self._ask(request)["id"])

    def status_of(self, message_id: str) -> str:
        request = urllib.request.Request(self._url(f"/api/v1/messages/{message_id}"), headers=self._authorization())
        return str(self._ask(request)["status"])

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.parts.core.data_dir.secret('local_token')}"}

    def _url(self, path: str) -> str:
        port = json.loads(self.parts.core.data_dir.run_file.read_text())["web_port"]
        return f"http://127.0.0.1:{port}{path}"

    def _ask(self, request: urllib.request.Request) -> Any:
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.load(response)

    def _run(self) -> None:
        self.exit_code = self.parts.appliance.supervisor.run()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    place = tmp_path_factory.mktemp("process")
    settings = Settings(base_dir=place, appliance=ApplianceSettings(data_dir=place / "var"))
    with built(settings) as parts:
        running = Running(parts)
        running.start()
        yield running
        running.stop()
        assert running.exit_code == 0


def test_supervisor_is_given_the_components_in_start_order(running: Running) -> None:
    assert [health.name for health in running.parts.appliance.supervisor.health()] == NAMES


@pytest.mark.parametrize("name", NAMES[:-1])
def test_component_that_fails_shows_why_and_comes_back_while_messages_are_taken(running: Running, name: str) -> None:
    strike(name, RuntimeError(f"the {name} is out of luck"))
    wait_until(lambda: running.health(name).status is Status.FAILED)
    shown = running.health_page()
    message_id = running.post_message()
    wait_until(lambda: running.health(name).ok)

    assert shown[name]["status"] == "failed"
    assert shown[name]["detail"] == f"RuntimeError: the {name} is out of luck"
    assert all(shown[other]["status"] == "running" for other in NAMES if other != name)
    assert running.health(name).restarts == 1
    wait_until(lambda: running.status_of(message_id) == "sent")


def test_http_server_that_fails_comes_back_on_its_port_while_the_others_go_on(running: Running) -> None:
    message_id = running.post_message()

    strike("http server", RuntimeError("the http server is out of luck"))
    wait_until(lambda: running.health("http server").status is Status.FAILED)
    detail = running.health("http server").detail
    others = [running.health(name).ok for name in NAMES[:-1]]
    wait_until(lambda: running.health("http server").ok)

    assert detail == "RuntimeError: the http server is out of luck"
    assert others == [True] * 5
    wait_until(lambda: running.status_of(message_id) == "sent")
