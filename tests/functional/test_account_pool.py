"""Sender accounts that come and go while the real process runs, dies and starts again."""

import re

from tests.functional.conftest import MakeAppliance
from tests.functional.mail import add_account, message, post, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

GONE = "The sender account that it asked for was deleted; cancel it, or send it anew without naming an account."


def test_a_message_learns_that_its_account_was_deleted(start_appliance: MakeAppliance, sink: SmtpSink) -> None:
    appliance = start_appliance()
    account = add_account(appliance, sink, active=False)
    held = post(appliance, account=account)
    wait_for_status(appliance, held, "held")

    delete(appliance, account)
    at_once = message(appliance, held)["explanation"]
    wait_until(lambda: message(appliance, held)["reason"] == "account_gone", 15)

    assert at_once == message(appliance, held)["explanation"] == GONE


def test_a_deletion_right_before_the_process_is_killed_is_made_up_at_the_next_start(
    start_appliance: MakeAppliance, sink: SmtpSink
) -> None:
    appliance = start_appliance()
    account = add_account(appliance, sink, daily_limit=0)
    held = [post(appliance, account=account) for _ in range(20)]
    for one in held:
        wait_for_status(appliance, one, "held")

    delete(appliance, account)
    appliance.kill()
    appliance.start()

    wait_until(lambda: {message(appliance, one)["reason"] for one in held} == {"account_gone"}, 15)


def test_metrics_name_the_same_queues_after_each_start_and_no_account_that_takes_nothing(
    start_appliance: MakeAppliance, sink: SmtpSink
) -> None:
    appliance = start_appliance({"FLOWER_ENABLED": "true"})
    add_account(appliance, sink, active=False)
    before = metrics(appliance)
    appliance.kill()
    appliance.start()
    after = metrics(appliance)

    for told in (before, after):
        assert re.findall(r"^queue_length\{(.*)\}", told, re.MULTILINE) == ['queue="postroom"']
        assert "\nemail_pool_available_accounts 0.0\n" in told
        assert 'email_pool_account_state{account="acc_mailbox",state="aside"} 1.0\n' in told


def delete(appliance: Appliance, account: str) -> None:
    status, _ = appliance.request("DELETE", f"/api/v1/accounts/{account}", appliance.local_token())
    assert status == 204


def metrics(appliance: Appliance) -> str:
    status, told = appliance.request("GET", "/metrics", appliance.local_token())
    assert status == 200
    return str(told)
