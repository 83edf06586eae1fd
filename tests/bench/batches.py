"""Measures batches and what overtakes them: `.venv/bin/python -m tests.bench.batches` (`--help` has the options).

How many messages a second are accepted in batches of 100 and of 1,000; how long others wait meanwhile; and how soon a
message of high priority leaves when a backlog of normal ones came first. Floors are those of docs/performance.md.
"""

import argparse
import tempfile
import time
from pathlib import Path

from tests.bench.load import batch, post
from tests.bench.watch import Watch
from tests.functional.processes import Appliance, Sink, listening, running

BATCH = "/api/v1/messages/batch"
URGENT = "urgent@example.com"


def main() -> None:
    options = _options()
    with (
        tempfile.TemporaryDirectory() as directory,
        listening(Path(directory)) as sink,
        running(Path(directory), {"LOG_LEVEL": "warning"}) as appliance,
    ):
        key = appliance.create_key()
        _measure_accepting(appliance, key, 100, options.messages)
        _measure_accepting(appliance, key, 1000, options.messages)
        _measure_overtaking(appliance, sink, key, options.backlog)
        _row("stop on SIGTERM", f"exit {appliance.stop()}", "0")


def _measure_accepting(appliance: Appliance, key: str, size: int, count: int) -> None:
    """The only account is paused, so nothing is delivered meanwhile."""
    _pause_all(appliance, key)
    bodies = [batch(range(start, start + size)) for start in range(0, count, size)]
    with Watch(appliance) as watch:
        cpu = appliance.cpu_seconds()
        load = post(appliance.port, key, bodies, 1, BATCH)
        cpu = appliance.cpu_seconds() - cpu
    assert load.refused == 0
    _row(f"accept, batches of {size} x 4 KiB", f"{count / load.seconds:.0f} messages/s", ">= 1500/s")
    _row("CPU a message", f"{cpu / count * 1000:.2f} ms", "")
    _row("a batch p50 / longest", f"{load.percentile(0.5) * 1000:.0f} / {max(load.latencies) * 1000:.0f} ms", "")
    others = watch.load()
    _row(
        "others meanwhile p50 / p99",
        f"{others.percentile(0.5) * 1000:.1f} / {others.percentile(0.99) * 1000:.1f} ms",
        "",
    )
    _row("others meanwhile, longest", f"{max(others.latencies) * 1000:.1f} ms", "")


def _measure_overtaking(appliance: Appliance, sink: Sink, key: str, backlog: int) -> None:
    bodies = [batch(range(start, start + 1000), size=200) for start in range(0, backlog, 1000)]
    assert post(appliance.port, key, bodies, 1, BATCH).refused == 0
    account = {
        "name": "Sink",
        "email": "sender@example.com",
        "host": "127.0.0.1",
        "port": sink.port,
        "security": "none",
    }
    assert appliance.request("POST", "/api/v1/accounts", key, account)[0] == 201
    while sink.count() < 1000:
        time.sleep(0.05)
    waits = [seconds_to_leave(appliance, sink, key, number) for number in range(10)]
    left = backlog - sink.count()
    _row(f"high priority over {left} waiting, longest", f"{max(waits) * 1000:.0f} ms", "<= 1000 ms")


def seconds_to_leave(appliance: Appliance, sink: Sink, key: str, number: int) -> float:
    """From the 202 to the sink."""
    recipient = f"{number}-{URGENT}"
    urgent = {"to": [recipient], "subject": "Urgent", "text": "Now.", "priority": "high"}
    assert appliance.request("POST", "/api/v1/messages", key, urgent)[0] == 202
    answered = time.time()
    while True:
        for line in reversed(sink.received()[-2000:]):
            if recipient in line["rcpt_to"]:
                return float(line["time"]) - answered
        assert time.time() - answered < 60, "the urgent message did not leave"
        time.sleep(0.05)


def _pause_all(appliance: Appliance, key: str) -> None:
    for account in appliance.request("GET", "/api/v1/accounts", key)[1]["items"]:
        appliance.request("POST", f"/api/v1/accounts/{account['id']}/pause", key)


def _row(name: str, figure: str, floor: str) -> None:
    print(f"{name:44} {figure:28} {floor}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure batches and priority.")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--backlog", type=int, default=100_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
