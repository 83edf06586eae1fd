"""Figures are exact whatever becomes of the process: each event is counted once, also when it was killed meanwhile."""

import random
import sqlite3
from contextlib import closing

from tests.functional.conftest import MakeAppliance
from tests.functional.mail import Clients, add_account
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

KILLS = 4
UNDER_LOAD = {"DELIVERY_RETRY_SECONDS": "1", "LOG_LEVEL": "warning"}


def test_figures_are_those_of_the_messages_after_a_loop_of_kills(
    start_appliance: MakeAppliance, sink: SmtpSink
) -> None:
    appliance = start_appliance(UNDER_LOAD)
    add_account(appliance, sink)

    with Clients(appliance) as clients:
        for _ in range(KILLS):
            clients.post_more(random.randint(5, 60))
            appliance.kill()
            appliance.start()
        clients.post_more(20)
    wait_until(lambda: _counts(appliance).keys() == {"sent"}, timeout=60)
    wait_until(lambda: _asked(appliance, "SELECT count(*) FROM events") == [(0,)])

    (total,) = _counts(appliance).values()
    status, found = appliance.request("GET", "/api/v1/stats?group_by=day,key", appliance.local_token())
    assert status == 200
    assert (found["totals"]["accepted"], found["totals"]["sent"]) == (total, total)
    assert sum(one["accepted"] for one in found["items"]) == total


def _counts(appliance: Appliance) -> dict[str, int]:
    return dict(_asked(appliance, "SELECT status, count(*) FROM messages GROUP BY status"))


def _asked(appliance: Appliance, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(appliance.data_dir / "postroom.db")) as connection:
        return connection.execute(query).fetchall()
