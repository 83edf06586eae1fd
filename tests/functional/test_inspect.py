"""`python run.py inspect` asks the running appliance."""

import json
from typing import Any

from appliance.program import PROGRAM
from tests.functional.conftest import MakeAppliance
from tests.functional.mail import Gate, add_account, post, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

SEND_TASK = "appliance.tasks.email_tasks.send_email_task"
PERIODIC_TASKS = {
    "appliance.tasks.scheduled_tasks.cleanup_expired_attachments",
    "appliance.tasks.scheduled_tasks.cleanup_expired_suppressions",
    "appliance.tasks.scheduled_tasks.reset_email_daily_counts",
}


def _ask(appliance: Appliance, what: str) -> Any:
    """What the worker answers to the command, without its name."""
    [answer] = json.loads(appliance.command("inspect", what).stdout).values()
    return answer


def test_registered_names_our_tasks(shared: Appliance) -> None:
    assert {SEND_TASK, *PERIODIC_TASKS} <= set(_ask(shared, "registered"))


def test_stats_tell_the_process_and_its_pool(shared: Appliance) -> None:
    stats = _ask(shared, "stats")

    assert stats["pid"] == shared.os_process().pid
    assert stats["pool"]["max-concurrency"] == 64


def test_nothing_is_reserved_at_rest(shared: Appliance) -> None:
    wait_until(lambda: _ask(shared, "reserved") == [])


def test_active_shows_a_delivery_at_work(start_appliance: MakeAppliance) -> None:
    appliance, gate = start_appliance(), Gate()
    gate.close()
    with SmtpSink(on_message=gate) as sink:
        add_account(appliance, sink)
        message_id = post(appliance)
        wait_until(lambda: gate.waiting)

        [task] = _ask(appliance, "active")
        gate.open()
        wait_for_status(appliance, message_id, "sent")

    assert task["name"] == SEND_TASK
    assert message_id in json.dumps(task)


def test_nobody_to_ask_is_one_line(make_appliance: MakeAppliance) -> None:
    appliance = make_appliance()

    ended = appliance.command("inspect", "stats", check=False)

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        f"No appliance runs with the data directory {appliance.data_dir}. Start it with `{PROGRAM}`.\n"
    )
