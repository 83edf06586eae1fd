"""Lets the appliance work for long at half of what it can, with servers that misbehave, and looks what it piles up.

`python -m tests.bench.soak --minutes 30` starts the real appliance, measures what it can, then posts half as fast over
kept connections. Every few seconds the SMTP server gets another fault: 451, 421, connections that break inside the
message and after its final dot, none that are accepted. At the end everything must have arrived, and memory,
descriptors, threads, greenlets and temporary files must be what they were after the first fifth of the time. Exit
code 1: something is not so.
"""

import argparse
import http.client
import itertools
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.load import message, post
from tests.functional.mail import add_account
from tests.functional.processes import Appliance
from tests.smtp_session import ReceivedMessage
from tests.smtp_sink import SmtpSink

COUNTED = Path(__file__).with_name("counted.py")
CLIENTS = 8
CALIBRATION = 2000
FAULT_SECONDS = 7.0
SAMPLE_SECONDS = 5.0
WARM_UP = 0.2  # of the time
GROWTH = 0.05
SETTINGS = {
    "DELIVERY_RETRY_SECONDS": "1",
    "DELIVERY_MAX_ATTEMPTS": "1000000",
    "DELIVERY_BREAKER_SECONDS": "1",
    "DELIVERY_BREAKER_MAX_SECONDS": "4",
    "FLOWER_MAX_TASKS": "500",  # it keeps that many, of some 8 KB: what it has when it is warm must be all that it gets
    "LOG_LEVEL": "error",
}


@dataclass(frozen=True)
class Sample:
    memory: int  # bytes of its own: unique set size, so that no other process's pages count
    descriptors: int
    threads: int
    greenlets: int
    files: int
    waiting: int


class Arrivals:
    """How often each message came."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, received: ReceivedMessage) -> None:
        with self._lock:
            self.times.update(received.rcpt_to)


class Clients:
    """Post at a steady rate, each message until it is answered. `accepted` counts from `first`."""

    def __init__(self, appliance: Appliance, rate: float, first: int) -> None:
        self._appliance = appliance
        self._key = appliance.local_token()
        self._pause = CLIENTS / rate
        self._numbers = itertools.count(first)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(CLIENTS)]
        self.accepted: list[int] = []
        self.answers: Counter[int] = Counter()
        self.latencies: list[float] = []

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._appliance.port, timeout=60)) as connection:
            due = time.monotonic()
            while not self._over.wait(max(0.0, due - time.monotonic())):
                due += self._pause
                self._post(connection, next(self._numbers))

    def _post(self, connection: http.client.HTTPConnection, number: int) -> None:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        status = 0
        while status != 202:
            began = time.monotonic()
            connection.request("POST", "/api/v1/messages", message(number), headers)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
            self.answers[status] += 1
            self.latencies.append(time.monotonic() - began)
        self.accepted.append(number)


class Faults:
    """Makes the sink misbehave in one way after the other."""

    def __init__(self, sink: SmtpSink, chance: random.Random) -> None:
        self._sink = sink
        self._chance = chance
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.seen: Counter[str] = Counter()

    def __enter__(self) -> "Faults":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._sink.forget_rules()

    def _work(self) -> None:
        sink, some = self._sink, self._now_and_then
        kinds: dict[str, Callable[[], None]] = {
            "none": lambda: None,
            "451": lambda: sink.reply("RCPT", "451 4.3.0 later", when=some(0.3)),
            "421": lambda: sink.reply("MAIL", "421 4.3.2 too busy", when=some(0.05)),
            "breaks in the message": lambda: sink.drop("MID_DATA", when=some(0.05)),
            "breaks after the dot": lambda: sink.drop("END_OF_DATA", when=some(0.05)),
            "slow": lambda: sink.delay("END_OF_DATA", 0.05),
            "connections break": sink.drop_connections,
        }
        while not self._over.is_set():
            for kind in self._chance.sample([*kinds, "refuses"], len(kinds) + 1):
                self.seen[kind] += 1
                if kind == "refuses":
                    self._refuse()
                else:
                    kinds[kind]()
                    self._over.wait(FAULT_SECONDS)
                self._sink.forget_rules()

    def _refuse(self) -> None:
        self._sink.stop()
        self._over.wait(FAULT_SECONDS / 2)
        self._sink.start()

    def _now_and_then(self, share: float) -> Callable[[str], bool]:
        return lambda _: self._chance.random() < share


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
        began, until = time.monotonic(), time.monotonic() + options.minutes * 60
        with Clients(appliance, rate / 2, CALIBRATION) as clients, Faults(sink, random.Random(options.seed)) as faults:
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
    """Of each figure: its median after the warm-up and over the last part of the time."""
    part = max(1, int(len(samples) * WARM_UP))
    good = lost == 0 and code == 0
    for name in ("memory", "descriptors", "threads", "greenlets", "files"):
        early, late = (
            statistics.median(getattr(one, name) for one in some)
            for some in (samples[part : 2 * part] or samples, samples[-part:])
        )
        kept = late <= early * (1 + GROWTH) + (0 if name == "memory" else 2)
        good = good and kept
        shown = [f"{value / 2**20:.1f} MiB" if name == "memory" else f"{value:.0f}" for value in (early, late)]
        _row(name, f"{shown[0]} -> {shown[1]}{'' if kept else '   GROWS'}")
    _row("lost", str(lost))
    _row("exit code on SIGTERM", str(code))
    return 0 if good else 1


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
    appliance.program = [sys.executable, str(COUNTED), str(directory / "greenlets")]
    try:
        appliance.start()
        yield appliance
    finally:
        appliance.kill()


def _sample(appliance: Appliance, directory: Path) -> Sample:
    process = appliance.os_process()
    told = directory / "greenlets"
    told.unlink(missing_ok=True)
    process.send_signal(signal.SIGUSR1)
    _wait_for(told.exists, 60)
    if not told.exists():
        raise SystemExit(f"the appliance does not answer: {appliance.log.read_text()[-2000:]}")
    temporary = [one for one in directory.rglob("*") if one.is_file() and one.name.startswith((".", "tmp"))]
    waiting = sum(count for status, count in _counts(appliance).items() if status not in ("sent", "failed"))
    return Sample(
        process.memory_full_info().uss,
        process.num_fds(),
        process.num_threads(),
        int(told.read_text()),
        len(temporary) + len(list((directory / "tmp").iterdir())),
        waiting,
    )


def _counts(appliance: Appliance) -> dict[str, int]:
    answer: Any = appliance.request("GET", "/api/v1/system", appliance.local_token())[1]
    return dict(answer["messages"])


def _recipient(number: int) -> str:
    return f"r{number}@example.com"


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _wait_for(condition: Callable[[], object], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)


def _row(name: str, figure: str) -> None:
    print(f"{name:26} {figure}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Let the appliance work for long among faults.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
