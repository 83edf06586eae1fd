"""What the soak lets loose on the appliance: steady clients, and a server that misbehaves in many ways."""

import http.client
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing

from tests.bench.load import message
from tests.functional.processes import Appliance
from tests.smtp_session import ReceivedMessage
from tests.smtp_sink import SmtpSink

CLIENTS = 8
FAULT_SECONDS = 7.0


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
