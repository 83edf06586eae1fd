"""The embedded Flower over real HTTP, beside a real worker."""

import json
import re
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import structlog
from gevent import get_hub
from structlog.testing import capture_logs
from werkzeug.middleware.http_proxy import ProxyMiddleware
from werkzeug.test import Client
from werkzeug.wrappers import Response

from appliance.config.settings import FlowerSettings, Settings, WorkerSettings
from appliance.errors import StartupError
from appliance.health import Status
from appliance.runtime.monitor import Monitor
from appliance.runtime.worker import Worker
from appliance.tasks.broker import broker_named
from appliance.tasks.celery_app import PostroomCelery
from appliance.tasks.enqueue import SEND_TASK, enqueue_claim
from appliance.web.flower_proxy import READ_ONLY
from tests.runtime.leaks import holdings, no_more_than
from tests.services_up import needs_rabbitmq, needs_redis
from tests.task_services import RecordingServices, app_with, clean_up, unique
from tests.waiting import wait_until

PASSWORD = "pässwörd: with ünicode"
NODE = "postroom@here"
PAGES = ["/", "/workers", f"/worker/{NODE}", "/tasks", "/broker"]
ADDRESSES = [
    *PAGES,
    "/healthcheck",
    "/metrics",
    "/api/workers",
    "/api/tasks",
    "/api/queues/length",
    "/static/js/flower.js",
    "/login",
    "/logout",
    "/no/such/page",
]


def natively(fn: Any) -> Any:
    return get_hub().threadpool.apply(fn)


class Browser:
    """Asks one Flower, with the password unless told otherwise."""

    def __init__(self, port: int, prefix: str = "") -> None:
        self.root = f"http://127.0.0.1:{port}{prefix}"

    def get(self, path: str, **options: Any) -> requests.Response:
        return self._request("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self._request("POST", path, **options)

    def tasks(self) -> dict[str, dict[str, Any]]:
        return self.get("/api/tasks?limit=1000").json()

    def states(self) -> set[str]:
        return {task["state"] for task in self.tasks().values()}

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:
        options = {"auth": ("admin", PASSWORD.encode()), "timeout": 10, "allow_redirects": False, **options}
        return requests.request(method, self.root + path, **options)


@pytest.fixture
def services() -> RecordingServices:
    return RecordingServices()


@pytest.fixture
def app(settings: Settings, services: RecordingServices) -> PostroomCelery:
    return app_with(settings, services)


@pytest.fixture
def worker(app: PostroomCelery, services: RecordingServices) -> Iterator[Worker]:
    worker = Worker(app, WorkerSettings(concurrency=4), NODE)
    worker.start()
    yield worker
    services.gate.set()
    worker.stop(5)


MakeMonitor = Callable[..., Monitor]


@pytest.fixture
def make_monitor(app: PostroomCelery, tmp_path: Path) -> Iterator[MakeMonitor]:
    """Monitors on one data directory, none of which outlives the test: there is one event loop a thread."""
    made: list[Monitor] = []

    def make(celery: PostroomCelery = app, port: int = 0, **options: Any) -> Monitor:
        made.append(Monitor(celery, FlowerSettings(port=port, **options), PASSWORD, tmp_path, natively))
        return made[-1]

    yield make
    for monitor in made:
        assert monitor.stop(5)


@pytest.fixture
def monitor(make_monitor: MakeMonitor, worker: Worker) -> Monitor:
    monitor = make_monitor()
    monitor.start()
    return monitor


@pytest.fixture
def browser(monitor: Monitor) -> Browser:
    browser = Browser(monitor.port)
    wait_until(lambda: NODE in browser.get("/api/workers").json())
    wait_until(lambda: "stats" in browser.get("/api/workers").json()[NODE])
    return browser


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("prefix", ["", "/flower"])
def test_nothing_is_shown_without_the_password(monitor: Monitor, path: str, prefix: str) -> None:
    url = f"http://127.0.0.1:{monitor.port}{prefix}{path}"

    answers = [
        requests.request(method, url, auth=auth, timeout=10, allow_redirects=False)
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
        for auth in (None, ("admin", "wrong"), ("root", PASSWORD.encode()))
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["WWW-Authenticate"].partition(" ")[0] for answer in answers} == {"Basic"}


@pytest.mark.parametrize("prefix", ["", "/flower"])
@pytest.mark.parametrize("path", [*ADDRESSES, "/nowhere"])
@pytest.mark.parametrize("auth", [None, ("admin", PASSWORD.encode())], ids=["stranger", "admin"])
def test_no_answer_can_be_framed_or_loads_anything_foreign(
    monitor: Monitor, path: str, prefix: str, auth: tuple[str, bytes] | None
) -> None:
    headers = requests.get(
        f"http://127.0.0.1:{monitor.port}{prefix}{path}", auth=auth, timeout=10, allow_redirects=False
    ).headers

    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Bearer x", "Basic YWRtaW4=", "Basic \xff", "Digest a=b"])
def test_malformed_credentials_are_refused(monitor: Monitor, header: str) -> None:
    answer = requests.get(
        f"http://127.0.0.1:{monitor.port}/", headers={"Authorization": header.encode("latin-1")}, timeout=10
    )

    assert answer.status_code == 401


@pytest.mark.parametrize("prefix", ["", "/flower"])
def test_every_tab_opens_with_the_password(monitor: Monitor, browser: Browser, prefix: str) -> None:
    answers = {
        path: Browser(monitor.port, prefix).get(path).status_code for path in [*PAGES, "/healthcheck", "/metrics"]
    }

    assert set(answers.values()) == {200}


@pytest.mark.parametrize("prefix", ["", "/flower"])
def test_links_and_files_of_every_page_lead_somewhere(monitor: Monitor, browser: Browser, prefix: str) -> None:
    found = set()
    for path in PAGES:
        html = Browser(monitor.port, prefix).get(path).text
        found |= set(re.findall(r'(?:href|src)="(/[^"#]*)"', html))

    assert found
    assert all(link.startswith(f"{prefix}/") for link in found)
    lasting = {
        link for link in found if "/task/" not in link
    }  # of a revoked task, the worker keeps no more than the id
    answers = {link: Browser(monitor.port).get(link).status_code for link in lasting}
    assert set(answers.values()) <= {200, 302}, answers


def test_nothing_is_loaded_from_elsewhere(browser: Browser) -> None:
    for path in PAGES:
        html = browser.get(path).text
        assert not re.findall(r'<(?:script|link|img)[^>]+(?:href|src)="https?://', html)


def test_task_is_listed_with_its_messages_and_its_result(app: PostroomCelery, browser: Browser) -> None:
    enqueue_claim(app, ["msg_1", "msg_2"], "clm_1")

    wait_until(lambda: browser.states() == {"SUCCESS"})
    [task] = browser.tasks().values()
    assert task["name"] == SEND_TASK
    assert task["args"] == "([msg_1, msg_2], clm_1)"
    assert task["result"] == "{'sent': 2}"
    assert task["worker"] == NODE
    assert browser.get(f"/task/{task['uuid']}").status_code == 200


def test_tasks_page_fills_its_table(app: PostroomCelery, browser: Browser) -> None:
    enqueue_claim(app, ["msg_1"], "clm_1")
    wait_until(lambda: browser.states() == {"SUCCESS"})
    query = (
        "draw=1&start=0&length=10&order[0][column]=0&order[0][dir]=desc&columns[0][data]=received&search[value]=msg_1"
    )

    rows = browser.get(f"/tasks/datatable?{query}").json()

    assert rows["recordsFiltered"] == 1
    assert rows["data"][0]["args"] == "([msg_1], clm_1)"


def test_broker_page_shows_our_queue(app: PostroomCelery, browser: Browser, worker: Worker) -> None:
    worker.stop(5)
    for number in range(3):
        enqueue_claim(app, [f"msg_{number}"], f"clm_{number}")

    lengths = browser.get("/api/queues/length").json()
    page = browser.get("/broker").text

    assert lengths == {"active_queues": [{"name": app.main, "messages": 3, "messages_ready": 3, "consumers": 0}]}
    assert app.main in page
    assert app.conf.broker_url in page


def test_shutdown_button_ends_the_worker_only(browser: Browser, worker: Worker) -> None:
    answer = browser.post(f"/api/worker/shutdown/{NODE}")

    assert answer.status_code == 200
    wait_until(lambda: worker.health().status is Status.FAILED)
    assert browser.get("/healthcheck").text == "OK"


def test_pool_buttons_do_what_they_say(browser: Browser) -> None:
    grown = browser.post(f"/api/worker/pool/grow/{NODE}?n=2")
    shrunk = browser.post(f"/api/worker/pool/shrink/{NODE}?n=1")
    emptied = browser.post(f"/api/worker/pool/shrink/{NODE}?n=99")
    restarted = browser.post(f"/api/worker/pool/restart/{NODE}")

    assert (grown.status_code, shrunk.status_code, restarted.status_code) == (200, 200, 200)
    assert emptied.status_code == 403
    assert "the pool has 5 slots and keeps at least one" in emptied.text


def test_what_the_worker_cannot_do_is_said(browser: Browser) -> None:
    scaled = browser.post(f"/api/worker/pool/autoscale/{NODE}?min=1&max=3")
    softened = browser.post(f"/api/task/timeout/{SEND_TASK}", data={"workername": NODE, "soft": "1"})

    assert scaled.status_code == 403
    assert "made of greenlets" in scaled.text
    assert softened.status_code == 403
    assert "no soft time limit" in softened.text


def test_rate_limit_and_revoke_work(app: PostroomCelery, browser: Browser, services: RecordingServices) -> None:
    limited = browser.post(f"/api/task/rate-limit/{SEND_TASK}", data={"workername": NODE, "ratelimit": "1/h"})
    enqueue_claim(app, ["msg_first"], "clm_1")
    wait_until(lambda: services.delivered)
    waiting = app.tasks[SEND_TASK].apply_async((["msg_revoked"], "clm_2"))
    revoked = browser.post(f"/api/task/revoke/{waiting.id}")
    lifted = browser.post(f"/api/task/rate-limit/{SEND_TASK}", data={"workername": NODE, "ratelimit": "0"})
    enqueue_claim(app, ["msg_last"], "clm_3")

    assert (limited.status_code, revoked.status_code, lifted.status_code) == (200, 200, 200)
    wait_until(lambda: len(services.delivered) == 2)
    assert [claim for _, claim in services.delivered] == ["clm_1", "clm_3"]


@pytest.mark.parametrize("page", [f"/worker/{NODE}", "/task/{task}"])
def test_who_may_only_look_sees_no_button_that_would_be_refused(
    app: PostroomCelery, monitor: Monitor, browser: Browser, services: RecordingServices, page: str
) -> None:
    services.gate.clear()
    task_id = app.tasks[SEND_TASK].apply_async((["msg_1"], "clm_1")).id
    under_prefix = Browser(monitor.port, "/flower")
    wait_until(lambda: under_prefix.states() == {"STARTED"})
    asked = page.format(task=task_id)

    changing, looking = (under_prefix.get(asked, headers=headers).text for headers in ({}, {READ_ONLY: "1"}))

    buttons = r'<button id="worker-(?:shutdown|pool-\w+)"|<button [^>]*id="task-(?:revoke|terminate)"'
    assert re.search(buttons, changing)
    assert not re.search(buttons, looking)
    assert NODE in looking
    assert under_prefix.post(f"/api/worker/shutdown/{NODE}", headers={READ_ONLY: "1"}).status_code == 403


def test_request_from_another_site_changes_nothing(browser: Browser, worker: Worker) -> None:
    answer = browser.post(f"/api/worker/shutdown/{NODE}", headers={"Origin": "https://evil.example.com"})

    assert answer.status_code == 403
    assert worker.health().ok


def test_half_a_request_keeps_no_stop_waiting(monitor: Monitor) -> None:
    with socket.create_connection(("127.0.0.1", monitor.port)) as client:
        token = monitor.authorization
        client.sendall(f"POST /api/x HTTP/1.1\r\nAuthorization: {token}\r\nContent-Length: 9\r\n\r\nha".encode())

        assert monitor.stop(5)


def test_large_body_is_refused(browser: Browser) -> None:
    try:
        status = browser.post("/api/task/revoke/x", data=b"x" * 2_000_000).status_code
    except requests.RequestException:  # closed while the body was still on its way
        status = 400

    assert status == 400
    assert browser.get("/healthcheck").text == "OK"


def test_history_outlives_a_restart(app: PostroomCelery, worker: Worker, make_monitor: MakeMonitor) -> None:
    first = make_monitor()
    first.start()
    browser = Browser(first.port)
    for number in range(5):
        enqueue_claim(app, [f"msg_{number}"], f"clm_{number}")
    wait_until(lambda: len(browser.tasks()) == 5 and browser.states() == {"SUCCESS"})
    before = browser.tasks()
    assert first.stop(5)

    second = make_monitor()
    second.start()

    after = Browser(second.port).tasks()
    assert after == before
    rows = Browser(second.port).get("/?json=1").json()["data"]
    assert [row["task-succeeded"] for row in rows if row["hostname"] == NODE] == [5]
    assert second.stop(5)


def test_history_keeps_the_latest_tasks_only(
    app: PostroomCelery, worker: Worker, services: RecordingServices, make_monitor: MakeMonitor, tmp_path: Path
) -> None:
    monitor = make_monitor(max_tasks=3)
    for round_ in (1, 2):
        monitor.start()
        browser = Browser(monitor.port)
        for number in range(5):
            enqueue_claim(app, [f"msg_{number}"], f"clm_{round_}_{number}")
        wait_until(lambda: len(services.delivered) == 5 * round_ and browser.states() == {"SUCCESS"})  # noqa: B023
        assert monitor.stop(5)

    with sqlite3.connect(tmp_path / "flower.db") as database:
        assert database.execute("SELECT count(*) FROM task").fetchone() == (3,)


def test_task_unfinished_when_the_process_died_is_not_shown_for_ever(
    app: PostroomCelery, worker: Worker, services: RecordingServices, make_monitor: MakeMonitor
) -> None:
    services.gate.clear()
    first = make_monitor()
    first.start()
    browser = Browser(first.port)
    enqueue_claim(app, ["msg_1"], "clm_1")
    wait_until(lambda: browser.states() == {"STARTED"})
    first.stop(5)

    same = states_after_restart_of(first)
    anew = make_monitor()
    anew.start()

    assert same == {"STARTED"}
    assert Browser(anew.port).tasks() == {}
    anew.stop(5)


def states_after_restart_of(monitor: Monitor) -> set[str]:
    monitor.start()
    states = Browser(monitor.port).states()
    monitor.stop(5)
    return states


@pytest.mark.parametrize("content", [b"this is no database", b"SQLite format 3\x00" + b"\xff" * 4096])
def test_damaged_history_is_set_aside(
    app: PostroomCelery, worker: Worker, make_monitor: MakeMonitor, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "flower.db").write_bytes(content)
    monitor = make_monitor()

    monitor.start()

    assert Browser(monitor.port).get("/tasks").status_code == 200
    assert (tmp_path / "flower.db.damaged").read_bytes() == content
    assert monitor.stop(5)


def test_damaged_row_is_left_out(
    app: PostroomCelery, worker: Worker, make_monitor: MakeMonitor, tmp_path: Path
) -> None:
    monitor = make_monitor()
    monitor.start()
    enqueue_claim(app, ["msg_1"], "clm_1")
    wait_until(lambda: Browser(monitor.port).states() == {"SUCCESS"})
    monitor.stop(5)
    with sqlite3.connect(tmp_path / "flower.db") as database:
        for record in ("{", "[]", "{}", json.dumps({"uuid": "x"})):
            database.execute("INSERT INTO task VALUES (?, 0, ?)", (unique("row"), record))

    monitor.start()

    assert len(Browser(monitor.port).tasks()) == 1
    monitor.stop(5)


def test_history_that_cannot_be_written_stops_nothing(
    app: PostroomCelery, worker: Worker, make_monitor: MakeMonitor, tmp_path: Path
) -> None:
    (tmp_path / "flower.db").mkdir()
    monitor = make_monitor()

    monitor.start()
    enqueue_claim(app, ["msg_1"], "clm_1")
    wait_until(lambda: Browser(monitor.port).states() == {"SUCCESS"})

    assert monitor.stop(5)


def test_port_in_use_is_one_line_with_the_remedy(app: PostroomCelery, make_monitor: MakeMonitor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monitor = make_monitor(port=port)

        with pytest.raises(StartupError) as raised:
            monitor.start()

    assert str(raised.value) == (
        f"monitor: port {port} on 127.0.0.1 is in use. Stop the program that has it, or set [flower] port."
    )


def test_impossible_host_is_one_line_with_the_remedy(app: PostroomCelery, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(host="192.0.2.1")

    with pytest.raises(StartupError, match=r"^monitor: cannot listen on 192\.0\.2\.1:0: .*\[flower\] host"):
        monitor.start()


def test_banner_names_address_broker_and_tasks_without_the_password(
    settings: Settings, services: RecordingServices, make_monitor: MakeMonitor
) -> None:
    structlog.reset_defaults()
    app = app_with(settings, services, "amqp://me:secret@127.0.0.1:1//")
    monitor = make_monitor(app)

    with capture_logs() as lines:
        monitor.start()
        port = monitor.port
        monitor.stop(5)

    assert {"address": f"http://127.0.0.1:{port}/", "broker": "amqp://me:**@127.0.0.1:1//"}.items() <= lines[0].items()
    ours = lines[1]["tasks"].split(" ")
    assert {"send_email_task", "run_job_task", "reset_email_daily_counts"} <= set(ours)
    assert lines[1]["of_celery"] == len(app.tasks) - len(ours)
    assert "secret" not in str(lines)


def test_restarts_pile_up_nothing(app: PostroomCelery, worker: Worker, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    broker = broker_named(app.conf.broker_url.partition("://")[2])

    def once() -> None:
        monitor.start()
        browser = Browser(monitor.port)
        wait_until(lambda: "stats" in browser.get("/api/workers").json().get(NODE, {}))
        assert monitor.stop(5)

    once()
    before, queues = holdings(), broker.sizes()
    for _ in range(3):
        once()

    wait_until(lambda: no_more_than(holdings(), before), message=f"{holdings()} is more than {before}")
    wait_until(lambda: broker.sizes() == queues)


def test_many_threads_starting_and_stopping_leave_a_working_monitor(
    app: PostroomCelery, worker: Worker, make_monitor: MakeMonitor
) -> None:
    monitor = make_monitor()

    def hammer() -> None:
        for _ in range(3):
            monitor.start()
            monitor.stop(10)

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    monitor.start()

    assert Browser(monitor.port).get("/healthcheck").text == "OK"
    assert monitor.stop(5)
    assert monitor.stop(5)


def test_flower_works_under_the_main_port(monitor: Monitor, browser: Browser) -> None:
    """Mounted as the appliance mounts it."""
    target = {
        "target": f"http://127.0.0.1:{monitor.port}/",
        "host": None,
        "headers": {"Authorization": monitor.authorization},
    }
    person = Client(ProxyMiddleware(Response("the appliance"), {"/flower/": target}))
    here = {"base_url": "https://mail.example.com/"}
    grow = f"/flower/api/worker/pool/grow/{NODE}?n=1"

    pages = {path: person.get(f"/flower{path}", **here).status_code for path in PAGES}
    main = person.get("/flower/", **here).text
    script = person.get("/flower/static/js/flower.js", **here)
    grown = person.post(grow, headers={"Origin": "https://mail.example.com"}, **here)
    foreign = person.post(grow, headers={"Origin": "https://evil.example.com"}, **here)
    signed_out = person.get("/flower/logout", **here)

    assert set(pages.values()) == {200}
    assert 'value="flower" id="url_prefix"' in main
    assert script.status_code == 200
    assert grown.status_code == 200
    assert foreign.status_code == 403
    assert (signed_out.status_code, signed_out.headers["Location"]) == (302, "/")


@pytest.fixture(
    params=[
        pytest.param(
            "amqp://guest:guest@127.0.0.1:5672//", marks=[pytest.mark.rabbitmq, needs_rabbitmq], id="rabbitmq"
        ),
        pytest.param("redis://127.0.0.1:6379/15", marks=[pytest.mark.redis, needs_redis], id="redis"),
    ]
)
def server_app(
    request: pytest.FixtureRequest, settings: Settings, services: RecordingServices
) -> Iterator[PostroomCelery]:
    """An app on a broker with a server of its own."""
    app = app_with(settings, services, request.param, unique("postroom-test"))
    yield app
    clean_up(request.param, app.main)


def test_other_brokers_are_monitored_too(server_app: PostroomCelery, make_monitor: MakeMonitor) -> None:
    worker = Worker(server_app, WorkerSettings(concurrency=4), NODE)
    monitor = make_monitor(server_app)
    worker.start()
    monitor.start()
    browser = Browser(monitor.port)
    wait_until(lambda: "active_queues" in browser.get("/api/workers").json().get(NODE, {}))

    enqueue_claim(server_app, ["msg_1"], "clm_1")

    wait_until(lambda: browser.states() == {"SUCCESS"})
    assert browser.get("/broker").status_code == 200
    assert monitor.stop(10)
    assert worker.stop(10)
