"""`python run.py doctor` beside a running appliance: what it asks it, and what never gets into the report."""

import re

from tests.functional.conftest import MakeAppliance
from tests.functional.mail import add_account, post, wait_for_status
from tests.smtp_sink import SmtpSink

WHOLE_ADDRESS = re.compile(r"(?<!\*)[\w.+-]+@example\.com")


def test_report_tells_of_the_running_appliance_and_of_what_went_wrong_without_secrets(
    start_appliance: MakeAppliance,
) -> None:
    appliance = start_appliance({"FLOWER_PASSWORD": "flower-opens-with-this"})
    key = appliance.create_key()
    with SmtpSink(users={"sender@example.com": "hunter2-hunter2"}) as sink:
        sink.reply("RCPT", "550 5.1.1 <bobby.tables@example.com>: no such user")
        add_account(appliance, sink, username="sender@example.com", password="hunter2-hunter2")
        wait_for_status(appliance, post(appliance, "bobby.tables@example.com", subject="For Bobby's eyes"), "failed")

        appliance.command("doctor", str(appliance.directory / "report.txt"))

    report = (appliance.directory / "report.txt").read_text()
    assert '"name": "dispatcher"' in report
    assert '"failed": 1' in report
    assert re.search(r"message failed .*550 5\.1\.1 <b\*\*\*@example\.com>", report)
    assert "cannot be told" not in report
    assert WHOLE_ADDRESS.findall(report) == []
    files = [path for path in (appliance.data_dir / "secrets").iterdir() if path.name != "box_id"]
    secrets = [key, "hunter2-hunter2", "flower-opens-with-this", "correct horse battery", "For Bobby's eyes"]
    secrets += [path.read_text().strip() for path in files]
    assert [secret for secret in secrets if secret in report] == []


def test_report_is_made_while_the_appliance_is_not_well(start_appliance: MakeAppliance) -> None:
    appliance = start_appliance()
    appliance.kill()

    told = appliance.command("doctor", "-").stdout

    assert "No appliance runs" in told
    assert "quick_check: ok" in told
