"""The embedded worker on a real broker: in the process, and RabbitMQ and Redis where they run."""

import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.config.settings import Settings, WorkerSettings
from appliance.errors import StartupError
from appliance.health import Status
from appliance.runtime.worker import Worker
from appliance.tasks.broker import broker_named, queue_sizes
from appliance.tasks.celery_app import PostroomCelery
from appliance.tasks.enqueue import SEND_TASK, enqueue_claim, enqueue_periodic
from appliance.tasks.inspection import inspect
from tests.runtime.leaks import holdings, no_more_than
from tests.services_up import needs_rabbitmq, needs_redis
from tests.task_services import RecordingServices, app_with, clean_up, unique
from tests.waiting import wait_until

RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
REDIS = "redis://127.0.0.1:6379/15"


@pytest.fixture
def services() -> RecordingServices:
    return RecordingServices()


@pytest.fixture
def app(settings: Settings, services: RecordingServices) -> PostroomCelery:
    return app_with(settings, services)


@pytest.fixture
def rabbitmq_app(settings: Settings, services: RecordingServices) -> Iterator[PostroomCelery]:
    app = app_with(settings, services, RABBITMQ, unique("postroom-test"))
    yield app
    clean_up(RABBITMQ, app.main)


@pytest.fixture
def redis_app(settings: Settings, services: RecordingServices) -> Iterator[PostroomCelery]:
    app = app_with(settings, services, REDIS, unique("postroom-test"))
    yield app
    clean_up(REDIS, app.main)


def worker_of(app: PostroomCelery, concurrency: int = 4) -> Worker:
    return Worker(app, WorkerSettings(concurrency=concurrency), f"postroom@{app.main}")


@pytest.fixture
def worker(app: PostroomCelery, services: RecordingServices) -> Iterator[Worker]:
    worker = worker_of(app)
    worker.start()
    yield worker
    services.gate.set()
    worker.stop(5)


def control(app: PostroomCelery, command: str, **arguments: Any) -> dict[str, str]:
    [reply] = app.control.broadcast(command, arguments=arguments, reply=True, limit=1, timeout=5)
    return next(iter(reply.values()))


def test_worker_delivers_what_is_enqueued(app: PostroomCelery, worker: Worker, services: RecordingServices) -> None:
    enqueue_claim(app, ["msg_1"], "clm_1")
    enqueue_periodic(app, "reset_email_daily_counts")

    wait_until(lambda: services.delivered and services.ran)
    assert services.delivered == [(["msg_1"], "clm_1")]
    assert services.ran == ["reset_email_daily_counts"]


def test_tasks_are_counted_by_what_became_of_them(app: PostroomCelery, worker: Worker) -> None:
    enqueue_claim(app, ["msg_1"], "clm_1")
    app.send_task("appliance.tasks.email_tasks.send_email_task", args=["one too few"])

    wait_until(lambda: app.task_states["success"] and app.task_states["failure"])
    assert app.task_states == {"started": 2, "success": 1, "failure": 1}


def test_what_was_enqueued_before_the_start_is_delivered(app: PostroomCelery, services: RecordingServices) -> None:
    enqueue_claim(app, ["msg_early"], "clm_1")
    worker = worker_of(app)

    worker.start()

    wait_until(lambda: services.delivered)
    assert worker.stop(5)


def test_no_more_tasks_run_at_once_than_concurrency_allows(app: PostroomCelery, services: RecordingServices) -> None:
    services.gate.clear()
    worker = worker_of(app, concurrency=2)
    worker.start()

    for number in range(5):
        enqueue_claim(app, [f"msg_{number}"], "clm_1")
    wait_until(lambda: len(inspect(app, "active")[worker.node]) == 2)

    assert len(services.started) == 2
    services.gate.set()
    wait_until(lambda: len(services.delivered) == 5)
    assert worker.stop(5)


def test_high_priority_overtakes_what_waits(app: PostroomCelery, services: RecordingServices) -> None:
    services.gate.clear()
    worker = worker_of(app, concurrency=1)
    worker.start()
    for number in range(4):
        enqueue_claim(app, [f"msg_{number}"], "clm_low")
    wait_until(lambda: services.started)

    enqueue_claim(app, ["msg_high"], "clm_high", high_priority=True)
    services.gate.set()

    wait_until(lambda: len(services.delivered) == 5)
    claims = [claim for _, claim in services.delivered]
    assert claims.index("clm_high") <= 2  # behind the one at work and the one in hand
    assert worker.stop(5)


def test_a_task_that_fails_harms_no_other(app: PostroomCelery, worker: Worker, services: RecordingServices) -> None:
    app.send_task(SEND_TASK, (["msg_1"],), queue=app.conf.task_default_queue)  # the claim is missing
    app.send_task("no.such.task", queue=app.conf.task_default_queue)

    enqueue_claim(app, ["msg_2"], "clm_2")

    wait_until(lambda: services.delivered)
    assert worker.health().ok


def test_running_tasks_finish_before_a_stop_and_waiting_ones_stay(
    app: PostroomCelery, services: RecordingServices
) -> None:
    services.gate.clear()
    worker = worker_of(app, concurrency=1)
    worker.start()
    for number in range(4):
        enqueue_claim(app, [f"msg_{number}"], "clm_1")
    wait_until(lambda: services.started)
    stopped: list[bool] = []
    stopping = threading.Thread(target=lambda: stopped.append(worker.stop(10)))
    stopping.start()
    wait_until(lambda: worker.health().status is Status.STOPPING)

    services.gate.set()
    stopping.join(10)

    assert stopped == [True]
    waiting = queue_sizes(app.conf.broker_url.partition("://")[2])[app.main]
    assert len(services.delivered) + waiting == 4
    assert ["msg_0"] in [ids for ids, _ in services.delivered]
    assert waiting >= 2


def test_stop_reports_a_task_that_outlasts_it(app: PostroomCelery, services: RecordingServices) -> None:
    services.gate.clear()
    worker = worker_of(app)
    worker.start()
    enqueue_claim(app, ["msg_slow"], "clm_1")
    wait_until(lambda: services.started)

    in_time = worker.stop(0.1)

    assert not in_time
    services.gate.set()
    assert worker.stop(10)


def test_stopping_before_the_start_and_twice_is_harmless(app: PostroomCelery) -> None:
    worker = worker_of(app)

    assert worker.stop(1)
    worker.start()
    worker.start()
    assert worker.stop(5)
    assert worker.stop(5)


def test_restarts_pile_up_nothing(app: PostroomCelery, services: RecordingServices) -> None:
    worker = worker_of(app)
    broker = broker_named(app.conf.broker_url.partition("://")[2])

    def once(number: int) -> None:
        worker.start()
        enqueue_claim(app, [f"msg_{number}"], "clm_1")
        wait_until(lambda: len(services.delivered) == number)
        assert worker.stop(5)

    once(1)
    before, queues = holdings(), broker.sizes()
    for number in range(2, 12):
        once(number)

    wait_until(lambda: no_more_than(holdings(), before), message=f"{holdings()} is more than {before}")
    assert broker.sizes() == queues


def test_many_threads_starting_and_stopping_leave_a_working_worker(
    app: PostroomCelery, services: RecordingServices
) -> None:
    worker = worker_of(app)

    def hammer() -> None:
        for _ in range(3):
            worker.start()
            worker.stop(10)

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    worker.start()
    enqueue_claim(app, ["msg_1"], "clm_1")

    wait_until(lambda: services.delivered)
    assert worker.stop(5)


def test_shutdown_command_ends_the_component_but_not_the_process(
    app: PostroomCelery, worker: Worker, services: RecordingServices
) -> None:
    app.control.shutdown()

    wait_until(lambda: worker.health().status is Status.FAILED)
    assert "shut down by a control command" in worker.health().detail
    worker.start()
    enqueue_claim(app, ["msg_after"], "clm_1")
    wait_until(lambda: services.delivered)


def test_pool_restart_command_goes_on_with_a_new_pool(
    app: PostroomCelery, worker: Worker, services: RecordingServices
) -> None:
    control(app, "pool_grow", n=3)
    grown = inspect(app, "stats")[worker.node]["pool"]["max-concurrency"]

    reply = control(app, "pool_restart")

    assert grown == 7
    assert "new pool" in reply["ok"]
    wait_until(
        lambda: inspect(app, "stats", 0.2).get(worker.node, {}).get("pool", {}).get("max-concurrency") == 4, timeout=10
    )
    assert worker.health().ok


def test_grown_pool_runs_more_and_shrunk_pool_fewer(
    app: PostroomCelery, worker: Worker, services: RecordingServices
) -> None:
    services.gate.clear()
    control(app, "pool_shrink", n=3)
    for number in range(8):
        enqueue_claim(app, [f"msg_{number}"], "clm_1")
    wait_until(lambda: services.started)
    shrunk = len(inspect(app, "active")[worker.node])

    control(app, "pool_grow", n=2)

    wait_until(lambda: len(services.started) == 3)
    assert shrunk == 1
    services.gate.set()
    wait_until(lambda: len(services.delivered) == 8)


def test_pool_cannot_be_shrunk_to_nothing(app: PostroomCelery, worker: Worker) -> None:
    reply = control(app, "pool_shrink", n=4)

    assert reply == {"error": "the pool has 4 slots and keeps at least one; shrink it by 3 at most"}


def test_what_the_pool_cannot_do_is_said(app: PostroomCelery, worker: Worker) -> None:
    assert "greenlets" in control(app, "autoscale", max=5, min=1)["error"]
    assert "soft" in control(app, "time_limit", task_name=SEND_TASK, soft=1.0)["error"]


def test_hard_time_limit_ends_a_task(app: PostroomCelery, worker: Worker, services: RecordingServices) -> None:
    services.gate.clear()
    control(app, "time_limit", task_name=SEND_TASK, hard=0.05)

    enqueue_claim(app, ["msg_hangs"], "clm_1")

    wait_until(lambda: services.started)
    wait_until(lambda: inspect(app, "active")[worker.node] == [])
    assert services.delivered == []


def test_rate_limit_slows_a_kind_of_task(app: PostroomCelery, worker: Worker, services: RecordingServices) -> None:
    control(app, "rate_limit", task_name=SEND_TASK, rate_limit="1/h")

    for number in range(3):
        enqueue_claim(app, [f"msg_{number}"], "clm_1")
    enqueue_periodic(app, "cleanup_expired_attachments")

    wait_until(lambda: services.ran)
    assert len(services.started) <= 1


def test_revoked_task_does_not_run(app: PostroomCelery, services: RecordingServices) -> None:
    services.gate.clear()
    worker = worker_of(app, concurrency=1)
    worker.start()
    for number in range(2):
        enqueue_claim(app, [f"msg_{number}"], "clm_1")
    wait_until(lambda: services.started)
    revoked = app.tasks[SEND_TASK].apply_async((["msg_revoked"], "clm_2"))

    control(app, "revoke", task_id=revoked.id)
    services.gate.set()
    enqueue_claim(app, ["msg_last"], "clm_3")

    wait_until(lambda: len(services.delivered) == 3)
    assert "clm_2" not in [claim for _, claim in services.delivered]
    assert worker.stop(5)


def test_no_signal_handler_is_installed(app: PostroomCelery, worker: Worker) -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_unreachable_broker_is_one_line_with_the_remedy_and_without_the_password(
    settings: Settings, services: RecordingServices
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    worker = worker_of(app_with(settings, services, f"amqp://me:secret@127.0.0.1:{port}//"))

    with pytest.raises(StartupError) as raised:
        worker.start()

    text = str(raised.value)
    assert f"cannot reach the broker amqp://me:***@127.0.0.1:{port}//" in text
    assert "[broker] url" in text
    assert "secret" not in text
    assert "\n" not in text


def test_error_in_the_consumer_fails_the_component_with_its_text(app: PostroomCelery, worker: Worker) -> None:
    controller = worker._controller
    assert controller is not None

    controller.consumer.connection.transport.drain_events = _fail  # the next look at the broker
    controller.consumer.connection.transport.wake()

    wait_until(lambda: worker.health().status is Status.FAILED)
    assert worker.health().detail == "RuntimeError: the loop broke"


def _fail(*_: Any, **__: Any) -> None:
    raise RuntimeError("the loop broke")


def round_trip(app: PostroomCelery, services: RecordingServices) -> None:
    worker = worker_of(app)
    for number in range(4):
        enqueue_claim(app, [f"msg_{number}"], "clm_low")
    enqueue_claim(app, ["msg_high"], "clm_high", high_priority=True)

    worker.start()

    wait_until(lambda: len(services.delivered) == 5)
    assert services.started == [["msg_high"], ["msg_0"], ["msg_1"], ["msg_2"], ["msg_3"]]
    for what in ("ping", "active", "reserved", "registered", "stats"):
        assert list(inspect(app, what)) == [worker.node]
    assert worker.stop(10)


@pytest.mark.rabbitmq
@needs_rabbitmq
def test_rabbitmq_serves_as_broker(rabbitmq_app: PostroomCelery, services: RecordingServices) -> None:
    round_trip(rabbitmq_app, services)


@pytest.mark.redis
@needs_redis
def test_redis_serves_as_broker(redis_app: PostroomCelery, services: RecordingServices) -> None:
    round_trip(redis_app, services)


@pytest.mark.rabbitmq
@needs_rabbitmq
def test_lost_rabbitmq_connection_comes_back(rabbitmq_app: PostroomCelery, services: RecordingServices) -> None:
    worker = worker_of(rabbitmq_app)
    worker.start()
    connection = worker._controller.consumer.connection  # type: ignore[union-attr]

    connection.connection.transport.sock.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: "the connection to the broker is lost" in worker.health().detail)
    assert worker.health().ok
    enqueue_claim(rabbitmq_app, ["msg_after"], "clm_1")

    wait_until(lambda: services.delivered)
    assert worker.health().detail == ""
    assert worker.stop(10)
