"""Offers the appliance several times what it can accept, whether it keeps up or not, and looks what it answers.

`python -m tests.bench.overload` starts the real appliance and measures what it accepts from clients that wait for each
answer. Then it posts `--times` as many a second for `--seconds`, each over a connection of its own, at the moment that
is due whatever became of those before (an open loop), and asks for health all the while. Exit code 1: there was a 5xx
other than a 503 with Retry-After, a post was not answered at all, health was not answered, or what was accepted did not
arrive.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import resource  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402

from tests.bench.load import message, post  # noqa: E402
from tests.functional.mail import add_account  # noqa: E402
from tests.functional.processes import Appliance, Sink, listening, running  # noqa: E402

CLIENTS = 16
CALIBRATION = 2000
PATIENCE_SECONDS = 60.0
HEALTH_PAUSE = 0.1
MOST = 30_000  # posts; each is a connection of ours too
CLOSED, REFUSED, SILENT = "closed without an answer", "not connected", "no answer in time"


class Flood:
    """`answers` counts by status, or by how a connection ended without one."""

    def __init__(self, port: int, key: str, rate: float, seconds: float) -> None:
        self._port = port
        self._head = f"POST /api/v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        self._head += "Content-Type: application/json\r\nConnection: close\r\n"
        self._rate = rate
        self.count = min(MOST, int(rate * seconds))
        self.answers: Counter[int | str] = Counter()
        self.without_retry_after = 0
        self.late_seconds = 0.0
        self.waits: list[float] = []

    def offer(self) -> float:
        """Returns how many seconds it took to send them all; what is late was offered late."""
        began, posts = time.monotonic(), []
        for number in range(self.count):
            due = began + number / self._rate
            gevent.sleep(max(0.0, due - time.monotonic()))
            self.late_seconds = max(self.late_seconds, time.monotonic() - due)
            posts.append(gevent.spawn(self._post, number))
        offered = time.monotonic() - began
        gevent.joinall(posts)
        return offered

    def _post(self, number: int) -> None:
        began = time.monotonic()
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_SECONDS) as connection:
                body = message(number)
                connection.sendall(f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                self._note(_all_of(connection))
        except TimeoutError:
            self.answers[SILENT] += 1
        except ConnectionRefusedError:
            self.answers[REFUSED] += 1
        except OSError:
            self.answers[CLOSED] += 1
        self.waits.append(time.monotonic() - began)

    def _note(self, answer: bytes) -> None:
        head = answer.partition(b"\r\n\r\n")[0].lower()
        if not head:
            self.answers[CLOSED] += 1
            return
        status = int(head.split(b" ", 2)[1])
        self.answers[status] += 1
        self.without_retry_after += status == 503 and b"\r\nretry-after:" not in head


class Watch:
    """Asks for health and looks at memory, again and again."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self.statuses: Counter[int | str] = Counter()
        self.waits: list[float] = []
        self.most_memory = 0

    @contextmanager
    def going(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._go, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _go(self, over: threading.Event) -> None:
        while not over.is_set():
            began = time.monotonic()
            try:
                self.statuses[self._appliance.request("GET", "/health/live")[0]] += 1
            except OSError as error:
                self.statuses[type(error).__name__] += 1
            self.waits.append(time.monotonic() - began)
            self.most_memory = max(self.most_memory, self._appliance.memory().rss)
            time.sleep(HEALTH_PAUSE)


def main() -> int:
    options = _options()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as directory, listening(Path(directory)) as sink:
        settings = {"LOG_LEVEL": "error", "CAPACITY_QUEUE_MESSAGES": str(options.queue)}
        with running(Path(directory), settings) as appliance:
            add_account(appliance, sink)  # type: ignore[arg-type]  # it has a port, which is all that is asked for
            return _measure(appliance, sink, options)


def _measure(appliance: Appliance, sink: Sink, options: argparse.Namespace) -> int:
    key = appliance.local_token()
    calibration = post(appliance.port, key, [message(number) for number in range(CALIBRATION)], CLIENTS)
    capacity = CALIBRATION / calibration.seconds
    _wait_for(sink, CALIBRATION)
    flood, watch = Flood(appliance.port, key, capacity * options.times, options.seconds), Watch(appliance)
    before = appliance.memory().rss
    with watch.going():
        offered = flood.offer()
    accepted = flood.answers[202]
    _wait_for(sink, CALIBRATION + accepted)
    _row("accepted from clients that wait", f"{capacity:.0f} a second")
    _row("offered", f"{flood.count} in {offered:.1f} s, {flood.count / offered:.0f} a second")
    _row("the latest was late by", f"{flood.late_seconds:.2f} s")
    for status, number in sorted(flood.answers.items(), key=str):
        _row(f"  {status}", f"{number}")
    _row("wait for an answer, p50 / p99", f"{_at(flood.waits, 0.5):.2f} / {_at(flood.waits, 0.99):.2f} s")
    _row("503 without Retry-After", f"{flood.without_retry_after}")
    _row("health", f"{dict(watch.statuses)}, p99 {_at(watch.waits, 0.99):.2f} s, longest {max(watch.waits):.2f} s")
    _row(
        "memory before / most / after",
        " / ".join(f"{one / 2**20:.0f}" for one in (before, watch.most_memory, appliance.memory().rss)) + " MiB",
    )
    _row("of the accepted arrived", f"{sink.count() - CALIBRATION} of {accepted}")
    bad = [status for status in flood.answers if isinstance(status, int) and status >= 500 and status != 503]
    unanswered = sum(number for status, number in flood.answers.items() if isinstance(status, str))
    return int(bool(bad or unanswered or flood.without_retry_after or set(watch.statuses) != {200}))


def _wait_for(sink: Sink, count: int) -> None:
    deadline = time.monotonic() + 600
    while sink.count() < count:
        time.sleep(0.05)
        assert time.monotonic() < deadline, f"only {sink.count()} of {count} arrived"


def _all_of(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def _at(waits: list[float], share: float) -> float:
    ordered = sorted(waits)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _row(name: str, figure: str) -> None:
    print(f"{name:36} {figure}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Offer the appliance more than it can accept.")
    parser.add_argument("--times", type=float, default=4.0, help="what it accepts, so many times")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--queue", type=int, default=1_000_000, help="[capacity] queue_messages")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
