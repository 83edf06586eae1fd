"""A real appliance tells a real receiver of an alert, once, whatever becomes of the process meanwhile."""

import json
from pathlib import Path

from tests import certificates
from tests.functional.conftest import MakeAppliance
from tests.functional.mail import add_account
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until
from tests.webhook_receiver import WebhookReceiver


def titles(receiver: WebhookReceiver) -> list[str]:
    told = [json.loads(one.body)["title"] for one in receiver.received]
    return [title.partition("] ")[2] for title in told]


def test_an_alert_is_told_once_over_a_crash_and_once_when_it_is_over(make_appliance: MakeAppliance) -> None:
    with WebhookReceiver() as receiver:
        quick = {
            "ALERTS_URLS": f"json://127.0.0.1:{receiver.port}/alerts",
            "ALERTS_RAISE_SECONDS": "0.1",
            "ALERTS_CLEAR_SECONDS": "1",
        }
        first = make_appliance(quick | {"ALERTS_DISK_FREE_MB": "1000000000"})
        first.start()
        wait_until(lambda: titles(receiver) == ["Alert: Disk nearly full"], timeout=60)
        first.kill()

        second = make_appliance(quick | {"ALERTS_DISK_FREE_MB": "1"})
        second.start()
        wait_until(lambda: len(receiver.received) > 1, timeout=90)

        assert titles(receiver) == ["Alert: Disk nearly full", "Over: Disk nearly full"]


def test_a_certificate_that_expires_soon_is_told_of_soon_after_its_account_was_made(
    start_appliance: MakeAppliance, tmp_path: Path
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_text(certificates.public_certificate(), encoding="utf-8")
    with WebhookReceiver() as receiver, SmtpSink(starttls=True, tls=certificates.issued_context("localhost")) as sink:
        appliance = start_appliance(
            {
                "ALERTS_URLS": f"json://127.0.0.1:{receiver.port}/alerts",
                "ALERTS_RAISE_SECONDS": "0.1",
                "ALERTS_DISK_FREE_MB": "0",
                "SSL_CERT_FILE": str(authority),
            }
        )

        add_account(appliance, sink, host="localhost", security="starttls")

        wait_until(lambda: titles(receiver) == ["Alert: A certificate expires"], timeout=90)
