from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from appliance.bootstrap import Core
from appliance.errors import StorageUnavailable
from appliance.health import Health, Status
from appliance.web.app import create_app
from appliance.web.context import WebContext
from tests.web.conftest import Parts


def fail(parts: Parts, name: str) -> None:
    parts.health = [
        Health(name, Status.FAILED, "it broke") if health.name == name else health for health in parts.health
    ]


@pytest.fixture
def without_database(web_context: WebContext) -> FlaskClient:
    @contextmanager
    def read() -> Iterator[Session]:
        raise StorageUnavailable("The database cannot be opened.")
        yield

    return create_app(replace(web_context, read=read)).test_client()


def test_all_is_well_when_every_part_runs(client: FlaskClient) -> None:
    answer = client.get("/health")

    assert answer.status_code == 200
    body = answer.get_json()
    assert body["status"] == "ok"
    assert {one["name"] for one in body["components"]} >= {"worker", "dispatcher", "scheduler", "monitor"}
    assert client.get("/health/ready").status_code == 200
    assert client.get("/health/live").get_json() == {"status": "ok"}


@pytest.mark.parametrize("name", ["worker", "dispatcher", "scheduler"])
def test_broken_part_is_named_with_its_error(client: FlaskClient, parts: Parts, name: str) -> None:
    fail(parts, name)

    whole, ready = client.get("/health"), client.get("/health/ready")

    assert (whole.status_code, whole.get_json()["status"]) == (503, "failing")
    assert {one["name"]: one["detail"] for one in whole.get_json()["components"]}[name] == "it broke"
    assert (ready.status_code, ready.get_json()["failing"]) == (503, [name])
    assert client.get("/health/live").status_code == 200


def test_broken_monitor_does_not_stop_mail(client: FlaskClient, parts: Parts) -> None:
    fail(parts, "monitor")

    whole = client.get("/health")

    assert (whole.status_code, whole.get_json()["status"]) == (200, "degraded")
    assert client.get("/health/ready").status_code == 200


def test_database_that_does_not_answer_is_told(without_database: FlaskClient) -> None:
    whole, ready = without_database.get("/health"), without_database.get("/health/ready")

    assert whole.status_code == 503
    assert whole.get_json()["database"] == {"ok": False, "detail": "The database cannot be opened."}
    assert ready.get_json()["failing"] == ["database"]
    assert without_database.get("/health/live").status_code == 200


@pytest.mark.parametrize("path", ["/health", "/health/live", "/api/openapi.json", "/metrics", "/docs/errors/"])
def test_posting_to_what_is_only_read_says_so(client: FlaskClient, path: str) -> None:
    answer = client.post(path, json={})

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert answer.get_json()["code"] == "method_not_allowed"


def test_no_room_for_new_mail_degrades_and_is_not_ready(client: FlaskClient, core: Core) -> None:
    """Mail that was accepted goes out, so it is not failing: nobody must restart it for that."""
    core.services.capacity._floor = 1 << 62

    whole, ready = client.get("/health"), client.get("/health/ready")

    assert (whole.status_code, whole.get_json()["status"]) == (200, "degraded")
    assert "Make room" in whole.get_json()["intake"]["detail"]
    assert (ready.status_code, ready.get_json()["failing"]) == (503, ["intake"])


def test_damaged_database_fails_until_the_appliance_starts_anew(client: FlaskClient, core: Core) -> None:
    core.database.damage = "The database file is damaged."

    whole = client.get("/health")

    assert (whole.status_code, whole.get_json()["status"]) == (503, "failing")
    assert whole.get_json()["database"] == {"ok": False, "detail": "The database file is damaged."}
