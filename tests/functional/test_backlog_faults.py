"""A process that dies on a large backlog comes back at once, and with all of it."""

import sqlite3
from contextlib import closing

from tests.bench.filling import fill
from tests.functional.conftest import MakeAppliance
from tests.functional.mail import Gate, arrivals, post
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

QUEUED = 100_000


def test_kill_on_a_backlog_of_100_000_loses_none_and_sends_on(
    start_appliance: MakeAppliance, gated_sink: SmtpSink, gate: Gate
) -> None:
    appliance = start_appliance({"LOG_LEVEL": "warning", "DELIVERY_MAX_AGE_HOURS": "10000"})
    assert appliance.stop() == 0
    fill(f"sqlite:///{appliance.data_dir / 'postroom.db'}", QUEUED, QUEUED, port=gated_sink.port)
    gate.close()
    appliance.start()
    wait_until(lambda: gate.waiting)
    before = _statuses(appliance)

    appliance.kill()
    gate.open()
    appliance.start()
    urgent = post(appliance, "urgent@example.com", priority="high")
    wait_until(lambda: "urgent@example.com" in arrivals(gated_sink), message=f"not sent: {urgent}")
    wait_until(lambda: gated_sink.count > 200, timeout=60)
    appliance.kill()

    after = _statuses(appliance)
    assert before["sending"] > 0
    assert sum(before.values()) == QUEUED
    assert sum(after.values()) == QUEUED + 1
    assert set(after) <= {"queued", "sending", "sent", "deferred"}  # whose outcome is unknown waits a minute
    assert after.get("deferred", 0) <= before["sending"]
    assert after["sent"] >= 100


def _statuses(appliance: Appliance) -> dict[str, int]:
    with closing(sqlite3.connect(appliance.data_dir / "postroom.db")) as database:
        return dict(database.execute("SELECT status, count(*) FROM messages GROUP BY status").fetchall())
