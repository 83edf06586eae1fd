"""`python run.py`, from the first start to the end: the main job on real input."""

import json
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.functional.mail import add_account, message, post, post_anyhow, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

SERVERS = {5432: "PostgreSQL", 5672: "RabbitMQ", 6379: "Redis"}
START_ORDER = ["worker", "monitor", "dispatcher", "errands", "scheduler", "http server"]

BOX_ID = "box_id"  # opens nothing: it begins the id of every task


@dataclass
class FirstLife:
    """What was seen of an appliance that was started on an empty directory and stopped with Ctrl-C."""

    appliance: Appliance
    log: list[str]
    setup_page: requests.Response
    used_setup_page: requests.Response
    sent: dict[str, Any]
    exit_code: int

    def position(self, text: str) -> int:
        return next(number for number, line in enumerate(self.log) if text in line)

    def components(self, event: str) -> list[str]:
        return [line.partition("component=")[2].strip("'") for line in self.log if f" {event} " in line]


@pytest.fixture(scope="module")
def first_life(tmp_path_factory: pytest.TempPathFactory) -> FirstLife:
    appliance = Appliance(tmp_path_factory.mktemp("first"), {"LOG_LEVEL": "debug"})
    del appliance.environment["ADMIN_USER"], appliance.environment["ADMIN_PASSWORD"]
    try:
        appliance.start()
        [link] = re.findall(r"http://\S+/setup\?token=[\w-]+", appliance.log.read_text())
        setup_page, used = _set_up(link)
        sent = wait_for_status(appliance, post(appliance), "sent")
        appliance.signal(signal.SIGINT)
        code = appliance.wait()
        return FirstLife(appliance, appliance.log_lines(), setup_page, used, sent, code)
    finally:
        appliance.kill()


def _set_up(link: str) -> tuple[requests.Response, requests.Response]:
    """The page behind the link, and what the link shows after it was used."""
    with requests.Session() as browser:
        page = browser.get(link)
        fields = dict(re.findall(r'name="(csrf_token|token)"[^>]* value="([^"]*)"', page.text))
        password = "a long password of alice"
        made = browser.post(link, data={**fields, "name": "alice", "password": password, "repeated": password})
        assert made.ok
    return page, requests.get(link)


def test_first_start_says_version_directory_addresses_and_setup_link_in_that_order(first_life: FirstLife) -> None:
    positions = [
        first_life.position("version="),
        first_life.position(f"path={first_life.appliance.data_dir}"),
        first_life.position("Flower is listening"),
        first_life.position("pages and API listen"),
        first_life.position("/setup?token="),
    ]

    assert positions == sorted(positions)


def test_setup_link_works_once(first_life: FirstLife) -> None:
    assert first_life.setup_page.ok
    assert 'name="repeated"' in first_life.setup_page.text
    assert first_life.used_setup_page.url.endswith("/sign-in")


def test_mail_goes_to_the_built_in_mailbox_until_there_is_an_account(first_life: FirstLife) -> None:
    [attempt] = first_life.sent["attempts"]

    assert attempt["outcome"] == "sent"


def test_components_start_in_order_and_stop_in_reverse(first_life: FirstLife) -> None:
    assert first_life.components("component started") == START_ORDER
    assert first_life.components("component stopped") == START_ORDER[::-1]


def test_ctrl_c_ends_it_with_exit_code_0(first_life: FirstLife) -> None:
    assert first_life.exit_code == 0
    assert not [line for line in first_life.log if "Traceback" in line or "[error" in line]


def test_secrets_are_for_the_owner_alone(first_life: FirstLife) -> None:
    secrets = list((first_life.appliance.data_dir / "secrets").iterdir())

    assert {"encryption_key", "session_key", "flower_password", "local_token"} <= {path.name for path in secrets}
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}


def test_nothing_secret_is_logged(first_life: FirstLife) -> None:
    log = "\n".join(first_life.log)
    kept = (first_life.appliance.data_dir / "secrets").iterdir()

    assert not [path for path in kept if path.name != BOX_ID and path.read_text().strip() in log]


def test_posted_message_reaches_the_server_and_is_shown_as_sent(shared: Appliance, shared_sink: SmtpSink) -> None:
    message_id = post(shared, "main-job@example.com", subject="Grüße", text="Hallo")

    shown = wait_for_status(shared, message_id, "sent")

    [received] = [one for one in shared_sink.messages if one.rcpt_to == ("main-job@example.com",)]
    assert received.message_id == shown["message_id"]
    assert [(attempt["account_name"], attempt["reply_code"]) for attempt in shown["attempts"]] == [("Sink", 250)]
    assert [recipient["status"] for recipient in shown["recipients"]] == ["sent"]


def test_flower_lists_the_task_that_sent_it(shared: Appliance) -> None:
    message_id = post(shared, "flower@example.com")
    wait_for_status(shared, message_id, "sent")

    def tasks() -> list[dict[str, Any]]:
        _, answer = shared.ask_flower("GET", "/api/tasks")
        return [task for task in answer.values() if message_id in (task["args"] or "")]

    wait_until(lambda: [task["state"] for task in tasks()] == ["SUCCESS"], message="Flower does not know the task")
    assert tasks()[0]["name"] == "appliance.tasks.email_tasks.send_email_task"


def test_flower_wants_its_password(shared: Appliance) -> None:
    status, _ = shared.ask_flower("GET", "/api/tasks", password="wrong")

    assert status == 401


def test_everything_runs_in_one_process_and_needs_no_server(shared: Appliance) -> None:
    wait_for_status(shared, post(shared, "one-process@example.com"), "sent")

    connections = shared.os_process().net_connections(kind="inet")
    to_servers = [SERVERS[one.raddr.port] for one in connections if one.raddr and one.raddr.port in SERVERS]
    listening = {one.laddr.port for one in connections if one.status == "LISTEN"}
    assert shared.os_process().children(recursive=True) == []
    assert to_servers == []
    assert listening == {shared.port, shared.flower_port}


def test_user_of_the_environment_can_sign_in(shared: Appliance) -> None:
    assert _sign_in(shared, "alice", "correct horse battery").url.rstrip("/") == f"http://127.0.0.1:{shared.port}"


def test_user_added_while_it_runs_can_sign_in(shared: Appliance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER_PASSWORD", "the password of bob")

    shared.command("user", "add", "bob")

    assert _sign_in(shared, "bob", "the password of bob").url.rstrip("/") == f"http://127.0.0.1:{shared.port}"


def _sign_in(appliance: Appliance, name: str, password: str) -> requests.Response:
    address = f"http://127.0.0.1:{appliance.port}/sign-in"
    with requests.Session() as browser:
        token = browser.get(address).text.partition('name="csrf_token" value="')[2].partition('"')[0]
        return browser.post(address, data={"name": name, "password": password, "csrf_token": token})


def test_api_key_made_while_it_runs_is_alone_on_standard_output_and_works_until_revoked(shared: Appliance) -> None:
    made = shared.command("apikey", "create", "--name", "acme", "--scopes", "send,read")
    key = made.stdout.removesuffix("\n")
    [key_id] = re.findall(r"key_\w+", made.stderr)

    assert re.fullmatch(r"pr_[\w-]+", key)
    assert post_anyhow(shared, key=key)[0] == 202
    shared.command("apikey", "revoke", key_id)
    wait_until(lambda: post_anyhow(shared, key=key)[0] == 401, message="a revoked key still works")


def test_api_key_opens_only_its_scopes(shared: Appliance) -> None:
    key = shared.create_key("read")

    status, problem = post_anyhow(shared, key=key)

    assert (status, problem["code"]) == (403, "forbidden")


def test_history_and_secrets_outlive_a_restart(start_appliance: Any, sink: SmtpSink) -> None:
    appliance = start_appliance()
    add_account(appliance, sink)
    message_id = post(appliance)
    wait_for_status(appliance, message_id, "sent")
    password = (appliance.data_dir / "secrets" / "flower_password").read_text()

    assert appliance.stop() == 0
    appliance.start()

    assert message(appliance, message_id)["status"] == "sent"
    assert (appliance.data_dir / "secrets" / "flower_password").read_text() == password
    wait_until(lambda: message_id in json.dumps(appliance.ask_flower("GET", "/api/tasks")[1]), message="history lost")


def test_run_file_goes_when_it_stops(first_life: FirstLife) -> None:
    assert not Path(first_life.appliance.data_dir / "run.json").exists()
