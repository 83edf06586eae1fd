"""A message of high priority does not wait behind a backlog."""

from tests.functional.conftest import MakeAppliance
from tests.functional.mail import add_account
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

BACKLOG = 600


def test_high_priority_overtakes_a_backlog_and_the_backlog_follows(
    start_appliance: MakeAppliance, sink: SmtpSink
) -> None:
    appliance = start_appliance({"DISPATCHER_MAX_SLOTS": "4", "DISPATCHER_BATCH_SIZE": "5"})
    key = appliance.local_token()
    backlog = [{"to": [f"r{number}@example.com"], "subject": "Later", "text": "Later."} for number in range(BACKLOG)]
    assert appliance.request("POST", "/api/v1/accounts/acc_mailbox/pause", key)[0] == 200
    assert appliance.request("POST", "/api/v1/messages/batch", key, {"messages": backlog})[0] == 202
    urgent = {"to": ["urgent@example.com"], "subject": "Now", "text": "Now.", "priority": "high"}

    add_account(appliance, sink)
    wait_until(lambda: len(sink.messages) > 0)
    assert appliance.request("POST", "/api/v1/messages", key, urgent)[0] == 202

    wait_until(lambda: len(sink.messages) == BACKLOG + 1, 120)
    order = [message.rcpt_to[0] for message in sink.messages]
    assert order.index("urgent@example.com") < BACKLOG - 100
    assert len(set(order)) == BACKLOG + 1
