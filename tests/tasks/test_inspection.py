"""Through the real pidbox, to a real worker."""

import json
import socket
from collections.abc import Iterator

import pytest

from appliance.config.settings import Settings, WorkerSettings
from appliance.runtime.worker import Worker
from appliance.tasks.broker import broker_named, queue_sizes
from appliance.tasks.celery_app import PostroomCelery
from appliance.tasks.enqueue import BrokerUnavailable, enqueue_claim
from appliance.tasks.inspection import QUESTIONS, UnknownInspection, inspect
from tests.task_services import RecordingServices, app_with
from tests.waiting import wait_until


@pytest.fixture
def services() -> RecordingServices:
    return RecordingServices()


@pytest.fixture
def app(settings: Settings, services: RecordingServices) -> PostroomCelery:
    return app_with(settings, services)


@pytest.fixture
def worker(app: PostroomCelery, services: RecordingServices) -> Iterator[Worker]:
    worker = Worker(app, WorkerSettings(concurrency=2), "postroom@here")
    worker.start()
    yield worker
    services.gate.set()
    worker.stop(5)


@pytest.mark.parametrize("what", QUESTIONS)
def test_answer_is_by_worker_and_fit_for_json(app: PostroomCelery, worker: Worker, what: str) -> None:
    answer = inspect(app, what)

    assert list(json.loads(json.dumps(answer))) == ["postroom@here"]


def test_only_the_queue_of_tasks_is_counted_whoever_listens(app: PostroomCelery, worker: Worker) -> None:
    name = str(app.conf.broker_url).partition("://")[2]
    inspect(app, "ping")
    with app.connection() as connection, app.events.Receiver(connection).consumer_context():
        assert len(broker_named(name).sizes()) > 1  # with those of control commands and events, named anew each time

        assert list(queue_sizes(name)) == [app.main]


def test_active_task_is_shown_with_its_messages(
    app: PostroomCelery, worker: Worker, services: RecordingServices
) -> None:
    services.gate.clear()
    enqueue_claim(app, ["msg_1"], "clm_1")
    wait_until(lambda: services.started)

    [task] = inspect(app, "active")["postroom@here"]

    assert task["args"] == [["msg_1"], "clm_1"]


def test_registered_names_our_tasks(app: PostroomCelery, worker: Worker) -> None:
    names = inspect(app, "registered")["postroom@here"]

    assert "appliance.tasks.email_tasks.send_email_task" in names


def test_first_answer_ends_the_waiting(app: PostroomCelery, worker: Worker) -> None:
    """Were it not so, the test would take an hour."""
    assert inspect(app, "ping", timeout=3600) == {"postroom@here": {"ok": "pong"}}


def test_without_a_worker_the_answer_is_empty(app: PostroomCelery) -> None:
    assert inspect(app, "ping", timeout=0.01) == {}


def test_repeated_inspection_leaves_no_queue_behind(app: PostroomCelery, worker: Worker) -> None:
    broker = broker_named(app.conf.broker_url.partition("://")[2])
    inspect(app, "ping")
    before = (broker.sizes().keys(), len(broker.state.bindings or ()))

    for _ in range(20):
        inspect(app, "stats")

    assert (broker.sizes().keys(), len(broker.state.bindings or ())) == before


def test_unknown_question_is_refused_with_the_known_ones(app: PostroomCelery) -> None:
    with pytest.raises(UnknownInspection, match=r"'weather'.*active, reserved, stats, registered, ping"):
        inspect(app, "weather")


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_unreachable_broker_is_told_to_the_caller(settings: Settings, services: RecordingServices, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    app = app_with(settings, services, f"{scheme}://127.0.0.1:{port}/0")

    with pytest.raises(BrokerUnavailable, match="broker"):
        inspect(app, "ping")
