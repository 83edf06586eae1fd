"""Measures the appliance: `.venv/bin/python -m tests.bench.benchmark` (`--help` has the options).

Starts the real appliance and a real SMTP sink as processes of their own and prints a table. Wall-clock rates depend on
what else the machine does; CPU per message is steadier. Floors are those of docs/performance.md.
"""

import argparse
import tempfile
import time
from pathlib import Path

from tests.bench.load import Load, message, post
from tests.functional.processes import Appliance, Sink, listening, running

CLIENTS = 16


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as directory, listening(Path(directory), options.latency) as sink:
        environment = dict(one.split("=", 1) for one in options.set)
        with running(Path(directory), environment) as appliance:
            _row("boot to ready", f"{appliance.seconds_to_ready:.2f} s", "<= 3 s")
            key = _with_account(appliance, sink)
            if not options.skip_idle:
                _measure_idle(appliance, options.idle)
            _measure_at_rest(appliance, sink, key, options.rest)
            _measure_load(appliance, sink, key, options.messages)
            _row("stop on SIGTERM", f"exit {appliance.stop()}", "0")


def _with_account(appliance: Appliance, sink: Sink) -> str:
    key = appliance.create_key()
    account = {
        "name": "Sink",
        "email": "sender@example.com",
        "host": "127.0.0.1",
        "port": sink.port,
        "security": "none",
    }
    status, answer = appliance.request("POST", "/api/v1/accounts", key, account)
    assert status == 201, answer
    return key


def _measure_idle(appliance: Appliance, seconds: float) -> None:
    time.sleep(5)
    began, cpu = time.monotonic(), appliance.cpu_seconds()
    time.sleep(seconds)
    used = (appliance.cpu_seconds() - cpu) / (time.monotonic() - began)
    _row(f"idle CPU over {seconds:.0f} s", f"{used * 100:.2f} %", "<= 2 %")
    memory = appliance.memory()
    _row("PSS after it", f"{memory.pss / 2**20:.0f} MiB (RSS {memory.rss / 2**20:.0f})", "<= 180 MiB")


def _measure_at_rest(appliance: Appliance, sink: Sink, key: str, count: int) -> None:
    """One message at a time, each after the one before has arrived: from the 202 to the sink."""
    latencies = []
    for number in range(count):
        before = sink.count()
        load = post(appliance.port, key, [message(number)], clients=1)
        assert load.refused == 0
        answered = time.time()
        while sink.count() == before:
            time.sleep(0.0005)
        latencies.append(sink.received()[-1]["time"] - answered)
        time.sleep(0.02)
    rest = Load(0, latencies, 0)
    _row("202 to sink at rest, p50", f"{rest.percentile(0.5) * 1000:.1f} ms", "<= 15 ms")
    _row("202 to sink at rest, p99", f"{rest.percentile(0.99) * 1000:.1f} ms", "")


def _measure_load(appliance: Appliance, sink: Sink, key: str, count: int) -> None:
    before, cpu, began = sink.count(), appliance.cpu_seconds(), time.perf_counter()
    load = post(appliance.port, key, [message(number) for number in range(count)], CLIENTS)
    while sink.count() - before < count:
        time.sleep(0.005)
        assert time.perf_counter() - began < 600, f"only {sink.count() - before} of {count} arrived"
    seconds = time.perf_counter() - began
    per_message = (appliance.cpu_seconds() - cpu) / count * 1000
    _row(f"accept, {CLIENTS} clients", f"{count / load.seconds:.0f}/s, {load.refused} refused", "")
    _row("accept p50 / p99", f"{load.percentile(0.5) * 1000:.1f} / {load.percentile(0.99) * 1000:.1f} ms", "")
    _row(f"end to end, {count} messages of 4 KiB", f"{count / seconds:.0f} messages/s", ">= 250/s")
    _row("CPU a message, whole process", f"{per_message:.2f} ms", "")


def _row(name: str, figure: str, floor: str) -> None:
    print(f"{name:42} {figure:28} {floor}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the appliance.")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rest", type=int, default=50, metavar="N", help="messages sent one by one")
    parser.add_argument("--idle", type=float, default=55, metavar="SECONDS", help="how long idleness is watched")
    parser.add_argument("--skip-idle", action="store_true")
    parser.add_argument("--latency", type=float, default=0, metavar="MS", help="of the SMTP server, a message")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION_KEY=VALUE", help="a setting")
    return parser.parse_args()


if __name__ == "__main__":
    main()
