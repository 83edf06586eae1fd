"""What the log of a running appliance tells, to a program and to a person."""

import json
import re
import stat
from typing import Any

import pytest

from tests.functional.conftest import MakeAppliance
from tests.functional.mail import add_account, post, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

WHOLE_ADDRESS = re.compile(r"[A-Za-z0-9._+-]{2,}@[a-z]+\.example|[A-Za-z0-9._+-]{2,}@example\.com")
REQUEST = "order-4711"


def lines(appliance: Appliance) -> list[dict[str, Any]]:
    return [json.loads(line) for line in appliance.log_lines() if line.startswith("{")]


def of_request(appliance: Appliance) -> list[tuple[str, str]]:
    """Who wrote what, in the order in which it was written."""
    found = [line for line in lines(appliance) if line.get("request_id") == REQUEST]
    return [(line["logger"].removeprefix("appliance."), line["event"]) for line in found]


def test_one_id_leads_from_the_request_to_the_task_to_the_server(
    start_appliance: MakeAppliance, sink: SmtpSink
) -> None:
    appliance = start_appliance({"LOG_FORMAT": "json", "LOG_LEVEL": "debug"})
    with SmtpSink() as closing:
        closing.reply("MAIL", "421 4.3.2 closing")
        add_account(appliance, closing, name="Closing", priority=1)
        add_account(appliance, sink)
        status, answer = appliance.request(
            "POST",
            "/api/v1/messages",
            appliance.local_token(),
            {"to": ["ann@example.com"], "subject": "Hello", "text": "Hello"},
            X_Request_ID=REQUEST,
        )
        assert status == 202
        wait_for_status(appliance, answer["id"], "sent")
        wait_until(lambda: ("services.delivery", "message sent") in of_request(appliance))

    assert of_request(appliance) == [
        ("services.submission", "message accepted"),
        ("services.delivery", "message begun"),
        ("mail.smtp", "not taken by the server"),
        ("services.delivery", "sender account cannot be used"),
        ("mail.smtp", "taken by the server"),
        ("services.delivery", "message sent"),
    ]
    assert appliance.request("GET", f"/api/v1/messages?q={REQUEST}", appliance.local_token())[1]["items"] != []


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_whole_address_and_no_secret_is_logged_even_when_everything_is(
    start_appliance: MakeAppliance, form: str
) -> None:
    appliance = start_appliance({"LOG_FORMAT": form, "LOG_LEVEL": "debug", "LOG_FILE_LEVEL": "debug"})
    with SmtpSink(users={"somebody@example.com": "hunter2-hunter2"}) as sink:
        sink.reply("RCPT", "550 5.1.1 <bobby.tables@example.com>: no such user", when=lambda line: "bobby" in line)
        add_account(appliance, sink, username="somebody@example.com", password="hunter2-hunter2")
        wait_for_status(appliance, post(appliance, "bobby.tables@example.com"), "failed")
        sink.reply("MAIL", "550 5.7.1 somebody@example.com may not send")
        wait_for_status(appliance, post(appliance, "carol.danvers@example.com"), "deferred")
    appliance.request("POST", "/api/v1/messages", appliance.local_token(), {"to": "carol.danvers@example.com"})
    appliance.stop()

    written = appliance.log.read_text() + (appliance.data_dir / "postroom.log").read_text()
    assert "***@" in written
    assert WHOLE_ADDRESS.findall(written) == []
    files = (appliance.data_dir / "secrets").iterdir()
    secrets = [path.read_text().strip() for path in files if path.name != "box_id"]
    assert [secret for secret in (*secrets, "hunter2-hunter2", "correct horse battery") if secret in written] == []


def test_file_in_the_data_directory_holds_what_went_wrong_after_the_process_is_gone(
    start_appliance: MakeAppliance, sink: SmtpSink
) -> None:
    appliance = start_appliance()
    sink.reply("GREETING", "554 5.3.2 no mail service here")
    add_account(appliance, sink)
    wait_for_status(appliance, post(appliance), "deferred")
    appliance.kill()

    file = appliance.data_dir / "postroom.log"
    assert "no mail service here" in file.read_text()
    assert "Postroom starts" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
