"""The same appliance on a database server and a broker of its own: the main job, and a kill in the middle of it."""

import os
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, make_url, text

from appliance.tasks.celery_app import NAMESPACE
from tests.functional.conftest import MakeAppliance
from tests.functional.mail import Gate, add_account, arrivals, post, wait_for_status
from tests.services_up import needs_postgres, needs_rabbitmq, needs_redis
from tests.smtp_sink import SmtpSink
from tests.task_services import clean_up
from tests.waiting import wait_until

POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
RABBITMQ = pytest.param("amqp://guest:guest@127.0.0.1:5672//", id="rabbitmq", marks=[needs_rabbitmq])
REDIS = pytest.param("redis://127.0.0.1:6379/13", id="redis", marks=[needs_redis])

pytestmark = [needs_postgres, pytest.mark.postgres]


@pytest.fixture
def database_url() -> Iterator[str]:
    """A database of the test's own."""
    name = f"postroom_{uuid.uuid4().hex[:12]}"
    engine = create_engine(POSTGRES_URL, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(POSTGRES_URL).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def broker_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A real broker, without what an earlier run may have left on it."""
    clean_up(request.param, NAMESPACE)
    yield request.param
    clean_up(request.param, NAMESPACE)


@pytest.mark.parametrize("broker_url", [RABBITMQ, REDIS], indirect=True)
def test_message_gets_out_and_survives_a_kill(
    database_url: str, broker_url: str, start_appliance: MakeAppliance, gated_sink: SmtpSink, gate: Gate
) -> None:
    appliance = start_appliance({"DATABASE_URL": database_url, "BROKER_URL": broker_url, "DELIVERY_RETRY_SECONDS": "1"})
    add_account(appliance, gated_sink)
    wait_for_status(appliance, post(appliance, "first@example.com"), "sent")
    wait_until(lambda: "send_email_task" in str(appliance.ask_flower("GET", "/api/tasks")[1]))
    gate.close()
    begun = post(appliance, "begun@example.com")
    wait_until(lambda: gate.waiting)

    appliance.kill()
    gate.open()
    appliance.start()

    sent = wait_for_status(appliance, begun, "sent", timeout=30)
    assert arrivals(gated_sink)["begun@example.com"] == [sent["message_id"]] * 2
    assert len(arrivals(gated_sink)["first@example.com"]) == 1
    assert appliance.stop() == 0
    assert not (appliance.data_dir / "postroom.db").exists()
