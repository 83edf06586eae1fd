"""Name servers that never answer: only the accounts whose names have to be looked up wait, and not for long."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.conftest import MakeAppliance
from tests.functional.mail import add_account, post, wait_for_status
from tests.functional.processes import RUN, Appliance
from tests.smtp_sink import SmtpSink

SILENT = "127.0.0.77"
ACCOUNTS = 12  # more than gevent has threads for look-ups
SLOWLY = "options timeout:30 attempts:1"  # so the system takes 30 s for a look-up
INSIDE = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a process another /etc/resolv.conf")


@pytest.fixture
def silent_name_server() -> Iterator[None]:
    """It takes questions and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind((SILENT, 53))
        yield


@pytest.fixture
def lost(make_appliance: MakeAppliance, tmp_path: Path, silent_name_server: None) -> Appliance:
    """An appliance that asks the silent name server alone."""
    configuration = tmp_path / "resolv.conf"
    configuration.write_text(f"nameserver {SILENT}\n{SLOWLY}\n", encoding="utf-8")
    appliance = make_appliance({"DELIVERY_CONNECT_TIMEOUT": "1"})
    alone = ["unshare", "--mount", "--propagation", "private", "sh", "-c", INSIDE, str(configuration)]
    appliance.program = [*alone, sys.executable, str(RUN)]
    return appliance


def test_silent_name_servers_hold_up_neither_other_accounts_nor_the_pages_nor_the_stop(
    lost: Appliance, sink: SmtpSink
) -> None:
    lost.start()
    hung = [
        add_account(lost, sink, name=f"Hung {number}", host=f"mx{number}.silent.example") for number in range(ACCOUNTS)
    ]
    well = add_account(lost, sink, name="Well")
    waiting = [post(lost, f"r{number}@example.com", account=account) for number, account in enumerate(hung)]

    wait_for_status(lost, post(lost, "well@example.com", account=well), "sent")
    put_off = [wait_for_status(lost, one, "deferred") for one in waiting]
    health, _ = lost.request("GET", "/health")
    code = lost.stop()

    assert sink.count == 1
    assert all("was not resolved within 1 s" in one["attempts"][0]["reply_text"] for one in put_off)
    assert health == 200
    assert code == 0


def test_message_for_a_name_that_is_not_resolved_goes_out_through_the_next_account(
    lost: Appliance, sink: SmtpSink
) -> None:
    lost.start()
    add_account(lost, sink, name="Hung", host="mx.silent.example", priority=1)
    add_account(lost, sink, name="Well")

    sent = wait_for_status(lost, post(lost), "sent")

    assert [one["outcome"] for one in sent["attempts"]] == ["account_error", "sent"]
