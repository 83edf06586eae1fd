"""Work on many messages, by the real process: to the end, whatever becomes of the process meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.functional.conftest import MakeAppliance
from tests.functional.mail import add_account, arrivals
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

MANY = 600
RETRY = {"action": "retry", "filter": {"status": ["failed"], "tag": "wave"}}


@pytest.fixture
def refused(start_appliance: MakeAppliance, sink: SmtpSink) -> Appliance:
    """An appliance with many messages that its server refused, and would take now."""
    appliance = start_appliance()
    sink.reply("DATA", "554 5.7.1 not today")
    add_account(appliance, sink)
    letters = [
        {"to": [f"a{number}@example.com"], "subject": "Hello", "text": "Hello.", "tags": ["wave"]}
        for number in range(MANY)
    ]
    status, answer = call(appliance, "POST", "/messages/batch", {"messages": letters})
    assert (status, answer["accepted"]) == (202, MANY)
    wait_until(lambda: matching(appliance) == MANY, 60)
    sink.forget_rules()
    return appliance


def call(appliance: Appliance, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    return appliance.request(method, f"/api/v1{path}", appliance.local_token(), body)


def matching(appliance: Appliance) -> int:
    status, answer = call(appliance, "POST", "/messages/bulk", {**RETRY, "dry_run": True})
    assert status == 200, answer
    return int(answer["matching"])


def job(appliance: Appliance, job_id: str) -> dict[str, Any]:
    return dict(call(appliance, "GET", f"/jobs/{job_id}")[1])


def go_on(_appliance: Appliance) -> None:
    """Nothing happens to the process."""


def restart(appliance: Appliance) -> None:
    assert appliance.stop() == 0
    appliance.start()


def cut_power(appliance: Appliance) -> None:
    appliance.kill()
    appliance.start()


@pytest.mark.parametrize("befall", [go_on, restart, cut_power])
def test_bulk_retry_reaches_everybody_whatever_befalls_the_process(
    refused: Appliance, sink: SmtpSink, befall: Callable[[Appliance], None]
) -> None:
    status, answer = call(refused, "POST", "/messages/bulk", RETRY)
    assert (status, answer["job"]["total"]) == (202, MANY), answer
    befall(refused)

    wait_until(lambda: job(refused, answer["job"]["id"])["state"] == "done", 90)
    wait_until(lambda: len(arrivals(sink)) == MANY, 60)

    done = job(refused, answer["job"]["id"])
    assert (done["changed"], done["skipped"], done["percent"]) == (MANY, 0, 100)
    assert call(refused, "POST", "/messages/bulk", RETRY)[1]["job"]["total"] == 0
    wait_until(lambda: figures(refused)["sent"] == MANY, 60)
    expected = {"accepted": MANY, "sent": MANY, "failed": 0, "retried": MANY, "success_rate": 1}
    assert expected.items() <= figures(refused).items()


def figures(appliance: Appliance) -> dict[str, Any]:
    """Of all that happened; each message that failed counts as what became of it."""
    status, answer = call(appliance, "GET", "/stats")
    assert status == 200, answer
    return dict(answer["totals"])
