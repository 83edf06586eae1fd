"""How the process ends, refuses to start, and lives on when a part of it fails."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.functional.conftest import MakeAppliance
from tests.functional.mail import Gate, add_account, message, post, post_anyhow, wait_for_status
from tests.functional.processes import RUN, Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_message_in_flight_is_finished_at_a_stop(
    start_appliance: MakeAppliance, gated_sink: SmtpSink, gate: Gate
) -> None:
    appliance = start_appliance()
    add_account(appliance, gated_sink)
    gate.close()
    message_id = post(appliance)
    wait_until(lambda: gate.waiting)

    appliance.signal(signal.SIGTERM)
    wait_until(lambda: _refuses_connections(appliance), message="it still takes messages")
    gate.open()

    assert appliance.wait() == 0
    appliance.start()
    assert message(appliance, message_id)["status"] == "sent"
    assert gated_sink.count == 1


def test_second_signal_ends_it_at_once(start_appliance: MakeAppliance, gated_sink: SmtpSink, gate: Gate) -> None:
    appliance = start_appliance({"SUPERVISOR_GRACE_SECONDS": "600"})
    add_account(appliance, gated_sink)
    gate.close()
    post(appliance)
    wait_until(lambda: gate.waiting)

    appliance.signal(signal.SIGINT)
    wait_until(lambda: "Postroom stops" in appliance.log.read_text())
    appliance.signal(signal.SIGINT)

    assert appliance.wait(timeout=20) == 1


def test_stop_that_takes_too_long_ends_within_the_grace_period(
    start_appliance: MakeAppliance, gated_sink: SmtpSink, gate: Gate
) -> None:
    appliance = start_appliance({"SUPERVISOR_GRACE_SECONDS": "0.5", "DELIVERY_RETRY_SECONDS": "1"})
    add_account(appliance, gated_sink)
    gate.close()
    message_id = post(appliance)
    wait_until(lambda: gate.waiting)

    appliance.stop(timeout=20)

    assert "component did not stop in time" in appliance.log.read_text()
    gate.open()
    appliance.start()
    sent = wait_for_status(appliance, message_id, "sent")
    assert [attempt["outcome"] for attempt in sent["attempts"]] == ["uncertain", "sent"]
    assert {received.message_id for received in gated_sink.messages} == {sent["message_id"]}


def test_port_in_use_is_one_line_and_nothing_is_half_started(make_appliance: MakeAppliance, taken_port: int) -> None:
    appliance = make_appliance({"WEB_PORT": str(taken_port)})

    complaint = _refusal(appliance)

    assert complaint == (
        f"Cannot listen on 127.0.0.1:{taken_port}: it is in use. "
        "Stop the program that has it, or set [web] port (WEB_PORT) to another one."
    )
    assert not (appliance.data_dir / "postroom.db").exists()


def test_file_in_the_place_of_the_data_directory_is_one_line(make_appliance: MakeAppliance) -> None:
    appliance = make_appliance()
    appliance.data_dir.write_text("not a directory")

    complaint = _refusal(appliance)

    assert complaint == f"The data directory {appliance.data_dir} is a file. Move it, or set [appliance] data_dir."


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="cannot become another user")
def test_data_directory_of_somebody_else_is_one_line(make_appliance: MakeAppliance) -> None:
    appliance = make_appliance()
    appliance.data_dir.mkdir()
    appliance.data_dir.chmod(0o500)
    command = [sys.executable, str(RUN), "--config", os.devnull]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
        if subprocess.run([*command, "version"], capture_output=True, check=False).returncode:
            pytest.skip("another user cannot read this checkout or its Python")
        for directory in (appliance.data_dir, *appliance.data_dir.parents[:-1]):
            if directory.stat().st_uid == os.geteuid() and "pytest-of" in str(directory):
                directory.chmod(directory.stat().st_mode | 0o055)

    ended = subprocess.run(
        command, env={**os.environ, **appliance.environment}, capture_output=True, text=True, check=False, timeout=60
    )

    assert ended.returncode == 1
    assert str(appliance.data_dir) in ended.stderr.splitlines()[-1]
    assert "chown" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_second_appliance_on_the_same_data_directory_is_refused(
    shared: Appliance, make_appliance: MakeAppliance
) -> None:
    second = make_appliance({"APPLIANCE_DATA_DIR": str(shared.data_dir)}, directory="second")

    complaint = _refusal(second)

    assert shared.process is not None
    assert f"(process {shared.process.pid}) already runs with the data directory {shared.data_dir}" in complaint
    assert shared.request("GET", "/health/ready")[0] == 200


def test_every_wrong_key_of_the_configuration_is_named_before_anything_is_made(make_appliance: MakeAppliance) -> None:
    appliance = make_appliance(config="[web]\nport = 80800\nhots = 0.0.0.0\n[wroker]\nconcurrency = 4\n")
    del appliance.environment["WEB_PORT"]

    appliance.launch()

    assert appliance.wait() == os.EX_CONFIG
    unknown_key, wrong_port, unknown_section = sorted(appliance.log_lines())
    assert unknown_key.startswith("[web] hots: unknown key; did you mean host?")
    assert wrong_port.startswith("[web] port: expected a port number from 0 to 65535, got '80800'")
    assert unknown_section.startswith("[wroker]: unknown section; did you mean worker?")
    assert not appliance.data_dir.exists()


def test_broker_that_cannot_be_reached_at_start_is_one_line(make_appliance: MakeAppliance) -> None:
    appliance = make_appliance({"BROKER_URL": "redis://:hunter2@127.0.0.1:1/0"})

    appliance.launch()

    assert appliance.wait() == 1
    [error] = [line for line in appliance.log_lines() if "[error" in line]
    assert "the appliance cannot start" in error
    assert "[broker] url" in error
    assert "hunter2" not in appliance.log.read_text()


def test_mail_flows_while_the_port_of_flower_is_taken(
    start_appliance: MakeAppliance, sink: SmtpSink, taken_port: int
) -> None:
    appliance = start_appliance({"FLOWER_PORT": str(taken_port)})
    add_account(appliance, sink)

    sent = wait_for_status(appliance, post(appliance), "sent")

    status, health = appliance.request("GET", "/health")
    monitor = appliance.health()["monitor"]
    assert (status, health["status"]) == (200, "degraded")
    assert monitor["status"] == "failed"
    assert f"port {taken_port} on 127.0.0.1 is in use" in monitor["detail"]
    assert sent["attempts"][0]["outcome"] == "sent"
    assert appliance.stop() == 0


def test_worker_that_was_shut_down_through_flower_comes_back_while_messages_are_taken(
    start_appliance: MakeAppliance, sink: SmtpSink
) -> None:
    appliance = start_appliance()
    add_account(appliance, sink)
    wait_until(lambda: appliance.ask_flower("GET", "/api/workers")[1], message="Flower knows no worker")
    [name] = appliance.ask_flower("GET", "/api/workers")[1]

    status, _ = appliance.ask_flower("POST", f"/api/worker/shutdown/{name}")
    wait_until(lambda: appliance.health()["worker"]["status"] == "failed", message="it was not seen to fail")
    detail = appliance.health()["worker"]["detail"]
    meanwhile, answer = post_anyhow(appliance)
    wait_until(lambda: appliance.health()["worker"]["status"] == "running")

    assert (status, meanwhile) == (200, 202)
    assert "shut down by a control command" in detail
    assert appliance.health()["worker"]["restarts"] == 1
    wait_for_status(appliance, answer["id"], "sent")


def _refusal(appliance: Appliance) -> str:
    """Starts it, which fails; returns the one line that is not a log line."""
    appliance.launch()
    assert appliance.wait() == 1
    [complaint] = [line for line in appliance.log_lines() if "[info" not in line]
    return complaint


def _refuses_connections(appliance: Appliance) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", appliance.port), timeout=5):
            return False
    except OSError:
        return True
