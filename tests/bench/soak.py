"""Lets the appliance work for long at half of what it can, with servers that misbehave, and looks what it piles up.

`python -m tests.bench.soak --minutes 30` starts the real appliance, measures what it can, then posts half as fast over
kept connections. Every few seconds the SMTP server gets another fault: 451, 421, connections that break inside the
message and after its final dot, none that are accepted. The time begins when what has a bound is full (the tasks that
Flower remembers, the lines that the log keeps), for until then memory only shows how a bound fills. At the end
everything must have arrived, and memory, descriptors, threads, greenlets and temporary files must be what they were in
the first fifth of the time. Exit code 1: something is not so; `more of` says which objects there are more of.
"""

import argparse
import json
import math
import random
import re
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.config.log_ring import KEPT
from tests.bench.load import message, post
from tests.bench.traffic import Arrivals, Clients, Faults
from tests.functional.mail import add_account
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink

COUNTED = Path(__file__).with_name("counted.py")
CALIBRATION = 2000
SAMPLE_SECONDS = 10.0
PART = 0.2  # of the time: the first and the last are compared
GROWTH = 0.05
FLOWER_TASKS = 500
SHOWN = 12
SETTINGS = {
    "DELIVERY_RETRY_SECONDS": "1",
    "DELIVERY_MAX_ATTEMPTS": "1000000",
    "DELIVERY_BREAKER_SECONDS": "1",
    "DELIVERY_BREAKER_MAX_SECONDS": "4",
    "FLOWER_MAX_TASKS": str(FLOWER_TASKS),  # so that it is full soon; what more of them cost is known
}


@dataclass(frozen=True)
class Sample:
    memory: int  # bytes of its own: unique set size, so that no other process's pages count
    descriptors: int
    threads: int
    greenlets: int
    blocks: int  # pieces of memory that Python has handed out
    files: int
    waiting: int
    objects: Counter[str] = field(default_factory=Counter)  # by type


def main() -> int:
    options = _options()
    arrivals = Arrivals()
    with (
        tempfile.TemporaryDirectory() as directory,
        SmtpSink(keep=False, on_message=arrivals) as sink,
        _running(Path(directory)) as appliance,
    ):
        add_account(appliance, sink)
        rate = _capacity(appliance, arrivals)
        _row("capacity, end to end", f"{rate:.0f} messages/s")
        samples: list[Sample] = []
        began = time.monotonic()
        with Clients(appliance, rate / 2, CALIBRATION) as clients, Faults(sink, random.Random(options.seed)) as faults:
            _wait_for(lambda: len(clients.accepted) > KEPT and _tasks(appliance) > 1.5 * FLOWER_TASKS, math.inf, 1.0)
            _row("warm after", f"{(time.monotonic() - began) / 60:.1f} minutes, {_tasks(appliance)} tasks")
            until = time.monotonic() + options.minutes * 60
            while time.monotonic() < until:
                time.sleep(SAMPLE_SECONDS)
                samples.append(_sample(appliance, Path(directory)))
        seconds = time.monotonic() - began
        wanted = {_recipient(number) for number in [*range(CALIBRATION), *clients.accepted]}
        _wait_for(lambda: arrivals.times.keys() >= wanted, 300)
        samples.append(_sample(appliance, Path(directory)))
        statuses = {one: count for one, count in _counts(appliance).items() if count}
        code = appliance.stop()
    _row("posted at half of it", f"{len(clients.accepted)} in {seconds / 60:.1f} minutes")
    _row("answers", ", ".join(f"{status}: {count}" for status, count in sorted(clients.answers.items())))
    _row("accept p50 / p99", " / ".join(f"{_percentile(clients.latencies, one) * 1000:.0f} ms" for one in (0.5, 0.99)))
    _row("faults", ", ".join(f"{kind} {count}" for kind, count in faults.seen.items()))
    _row("came again", f"{sum(arrivals.times.values()) - len(arrivals.times)}")
    _row("states at the end", str(statuses))
    _row("longest queue", str(max(one.waiting for one in samples)))
    return _judged(samples, lost=len(wanted - arrivals.times.keys()), code=code)


def _judged(samples: list[Sample], lost: int, code: int) -> int:
    """Of each figure: its median over the first and over the last part of the time."""
    part = max(1, int(len(samples) * PART))
    good = lost == 0 and code == 0
    _row("memory over time, MiB", " ".join(f"{one / 2**20:.0f}" for one in _tenths([one.memory for one in samples])))
    for name in ("memory", "blocks", "descriptors", "threads", "greenlets", "files"):
        early, late = (
            statistics.median(getattr(one, name) for one in some) for some in (samples[:part], samples[-part:])
        )
        kept = late <= early * (1 + GROWTH) + (0 if name in ("memory", "blocks") else 2)
        good = good and kept
        shown = [f"{value / 2**20:.1f} MiB" if name == "memory" else f"{value:.0f}" for value in (early, late)]
        _row(name, f"{shown[0]} -> {shown[1]}{'' if kept else '   GROWS'}")
    more = (samples[-1].objects - samples[0].objects).most_common(SHOWN)
    _row("more of", ", ".join(f"{kind} {count}" for kind, count in more))
    _row("lost", str(lost))
    _row("exit code on SIGTERM", str(code))
    return 0 if good else 1


def _tenths(values: list[int]) -> list[float]:
    size = max(1, len(values) // 10)
    return [statistics.median(values[start : start + size]) for start in range(0, len(values), size)]


def _capacity(appliance: Appliance, arrivals: Arrivals) -> float:
    """Messages a second, from the first post to the last arrival."""
    began = time.monotonic()
    load = post(appliance.port, appliance.local_token(), [message(number) for number in range(CALIBRATION)], 16)
    _wait_for(lambda: len(arrivals.times) >= CALIBRATION, 300)
    if load.refused:
        raise SystemExit(f"{load.refused} messages were refused")
    return CALIBRATION / (time.monotonic() - began)


@contextmanager
def _running(directory: Path) -> Iterator[Appliance]:
    (directory / "tmp").mkdir()
    appliance = Appliance(directory, {**SETTINGS, "TMPDIR": str(directory / "tmp")})
    appliance.program = [sys.executable, str(COUNTED), str(directory / "told")]
    try:
        appliance.start()
        yield appliance
    finally:
        appliance.kill()


def _sample(appliance: Appliance, directory: Path) -> Sample:
    process = appliance.os_process()
    told = directory / "told"
    told.unlink(missing_ok=True)
    process.send_signal(signal.SIGUSR1)
    _wait_for(told.exists, 60)
    if not told.exists():
        raise SystemExit(f"the appliance does not answer: {appliance.log.read_text()[-2000:]}")
    made_of = json.loads(told.read_text())
    temporary = [one for one in directory.rglob("*") if one.is_file() and one.name.startswith((".", "tmp"))]
    waiting = sum(count for status, count in _counts(appliance).items() if status not in ("sent", "failed"))
    return Sample(
        process.memory_full_info().uss,
        process.num_fds(),
        process.num_threads(),
        made_of["greenlets"],
        made_of["blocks"],
        len(temporary) + len(list((directory / "tmp").iterdir())),
        waiting,
        Counter(made_of["objects"]),
    )


def _tasks(appliance: Appliance) -> int:
    """How many the worker has begun."""
    text = appliance.request("GET", "/metrics", appliance.local_token())[1]
    found = re.search(r'celery_tasks_total{state="started"} (\S+)', text)
    assert found is not None, text
    return int(float(found[1]))


def _counts(appliance: Appliance) -> dict[str, int]:
    answer: Any = appliance.request("GET", "/api/v1/system", appliance.local_token())[1]
    return dict(answer["messages"])


def _recipient(number: int) -> str:
    return f"r{number}@example.com"


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _wait_for(condition: Callable[[], object], seconds: float, pause: float = 0.05) -> None:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(pause)


def _row(name: str, figure: str) -> None:
    print(f"{name:26} {figure}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Let the appliance work for long among faults.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
