"""What was accepted is delivered, whatever becomes of the process; and what comes twice is the same message."""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from appliance.clock import utc_now
from tests.functional.conftest import MakeAppliance
from tests.functional.mail import Clients, Gate, add_account, arrivals, message, post, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

KILLS = 5
SLOTS = 4
UNDER_LOAD = {
    "APPLIANCE_TIMEZONE": f"Etc/GMT{utc_now().hour - 12:+d}",  # where it is noon: the daily count must not start anew
    "DELIVERY_RETRY_SECONDS": "1",
    "DISPATCHER_MIN_SLOTS": str(SLOTS),
    "DISPATCHER_MAX_SLOTS": str(SLOTS),
    "LOG_LEVEL": "warning",
}
ONE_SLOT = {"DELIVERY_RETRY_SECONDS": "1", "DISPATCHER_MIN_SLOTS": "1", "DISPATCHER_MAX_SLOTS": "1"}


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def gated_sink(gate: Gate) -> Iterator[SmtpSink]:
    with SmtpSink(on_message=gate) as sink:
        yield sink
        gate.open()


def test_kill_repeats_what_was_begun_with_its_message_id_and_sends_all_else_once(
    start_appliance: MakeAppliance, gated_sink: SmtpSink, gate: Gate
) -> None:
    appliance = start_appliance(ONE_SLOT)
    account = add_account(appliance, gated_sink)
    _pause(appliance, account)
    ids = {recipient: post(appliance, recipient) for recipient in ("a@example.com", "b@example.com", "c@example.com")}
    for message_id in ids.values():
        wait_for_status(appliance, message_id, "held")
    gate.close()
    _resume(appliance, account)
    wait_until(lambda: gate.waiting, timeout=15)
    ids["late@example.com"] = post(appliance, "late@example.com")
    before = [message(appliance, message_id)["status"] for message_id in ids.values()]

    appliance.kill()
    gate.open()
    appliance.start()

    sent = {recipient: wait_for_status(appliance, message_id, "sent") for recipient, message_id in ids.items()}
    begun = gated_sink.messages[0].rcpt_to[0]
    assert before == ["sending", "sending", "sending", "queued"]
    assert arrivals(gated_sink) == {
        recipient: [one["message_id"]] * (2 if recipient == begun else 1) for recipient, one in sent.items()
    }
    assert [attempt["outcome"] for attempt in sent[begun]["attempts"]] == ["uncertain", "sent"]


def test_nothing_that_was_accepted_is_lost_in_a_loop_of_kills(start_appliance: MakeAppliance, sink: SmtpSink) -> None:
    appliance = start_appliance(UNDER_LOAD)
    add_account(appliance, sink)

    with Clients(appliance) as clients:
        for _ in range(KILLS):
            clients.post_more(random.randint(5, 60))
            appliance.kill()
            appliance.start()
        clients.post_more(20)
    _wait_for_rest(appliance)

    came = arrivals(sink)
    assert set(clients.accepted) - set(came) == set()
    assert [recipient for recipient, message_ids in came.items() if len(set(message_ids)) > 1] == []
    assert sink.count - len(came) <= KILLS * SLOTS
    assert clients.refused == []
    assert appliance.stop() == 0
    _check_database(appliance, sink)


def test_stop_under_load_sends_nothing_twice_and_loses_nothing(start_appliance: MakeAppliance, sink: SmtpSink) -> None:
    appliance = start_appliance(UNDER_LOAD)
    add_account(appliance, sink)

    with Clients(appliance) as clients:
        clients.post_more(60)
        code = appliance.stop()
        appliance.start()
        clients.post_more(20)
    _wait_for_rest(appliance)

    came = arrivals(sink)
    assert code == 0
    assert set(clients.accepted) - set(came) == set()
    assert [recipient for recipient, message_ids in came.items() if len(message_ids) > 1] == []


def _pause(appliance: Appliance, account: str) -> None:
    assert appliance.request("POST", f"/api/v1/accounts/{account}/pause", appliance.local_token())[0] == 200


def _resume(appliance: Appliance, account: str) -> None:
    assert appliance.request("POST", f"/api/v1/accounts/{account}/resume", appliance.local_token())[0] == 200


def _wait_for_rest(appliance: Appliance) -> None:
    """Until every message has come to its end."""

    def unfinished() -> dict[str, int]:
        counts = appliance.request("GET", "/api/v1/system", appliance.local_token())[1]["messages"]
        return {status: count for status, count in counts.items() if count and status != "sent"}

    wait_until(lambda: time.sleep(0.05) or not unfinished(), timeout=30, message="not everything was sent")


def _check_database(appliance: Appliance, sink: SmtpSink) -> None:
    """It is whole, and what it counts is what it remembers of its transactions and what the server saw."""
    with closing(sqlite3.connect(appliance.data_dir / "postroom.db")) as database:

        def value(sql: str) -> object:
            return database.execute(sql).fetchone()[0]

        used = value("SELECT count(*) FROM delivery_attempts WHERE outcome IN ('sent', 'uncertain')")
        certain = value("SELECT count(*) FROM delivery_attempts WHERE outcome = 'sent'")
        assert value("PRAGMA integrity_check") == "ok"
        assert value("SELECT sum(count) FROM sender_accounts WHERE transport = 'smtp'") == used
        assert value("SELECT count(*) FROM messages WHERE status = 'sent'") == certain
        assert certain <= sink.count <= used
