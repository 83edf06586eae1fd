"""More mail than there is room for: it is refused in words that clients understand, and everything else goes on."""

import http.client
import json
import re
import threading
import time
from collections import Counter
from contextlib import closing

from appliance.runtime.http_connections import most_connections
from tests.functional.conftest import MakeAppliance
from tests.functional.locking import locked
from tests.functional.mail import Gate, add_account, arrivals, post, post_anyhow, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

MEGABYTE = 1024 * 1024
LIMIT = 1500
CLIENTS = 128  # four times the threads that serve requests
EACH = 30
THREADS = 32


class Crowd:
    """Clients that each post over a connection of their own as fast as it goes, and come again after each refusal."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._key = appliance.local_token()
        self._threads = [threading.Thread(target=self._post, args=(number,)) for number in range(CLIENTS)]
        self.accepted: set[str] = set()
        self.answers: Counter[tuple[int, str]] = Counter()
        self.without_retry_after = 0
        self.errors: list[BaseException] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def is_at_it(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _post(self, client: int) -> None:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self._appliance.port, timeout=60)) as connection:
                for number in range(EACH):
                    self._post_one(connection, f"c{client}-{number}@example.com")
        except (OSError, http.client.HTTPException) as error:
            self.errors.append(error)

    def _post_one(self, connection: http.client.HTTPConnection, recipient: str) -> None:
        body = json.dumps({"to": [recipient], "subject": "Crowd", "text": "x" * 4000})
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/messages", body, headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        self.answers[answer.status, told.get("code", "")] += 1
        if answer.status == 202:
            self.accepted.add(recipient)
        elif int(answer.headers.get("Retry-After", 0)) < 1:
            self.without_retry_after += 1


def test_a_crowd_gets_202_or_503_with_retry_after_while_health_answers_and_memory_is_bounded(
    start_appliance: MakeAppliance, gated_sink: SmtpSink, gate: Gate
) -> None:
    appliance = start_appliance({"CAPACITY_QUEUE_MESSAGES": str(LIMIT), "LOG_LEVEL": "warning"})
    add_account(appliance, gated_sink)
    gate.close()
    before = appliance.memory().rss
    health: list[int] = []
    crowd = Crowd(appliance)

    crowd.start()
    while crowd.is_at_it():
        health.append(appliance.request("GET", "/health/live")[0])
        time.sleep(0.05)
    grown = appliance.memory().rss - before
    full, why = appliance.request("GET", "/health")

    assert crowd.errors == []
    assert set(crowd.answers) == {(202, ""), (503, "queue_full")}
    assert LIMIT - CLIENTS < crowd.answers[202, ""] <= LIMIT
    assert crowd.without_retry_after == 0
    assert set(health) == {200}
    assert len(health) > 5
    assert grown < 100 * MEGABYTE
    assert (full, why["status"]) == (200, "degraded")
    assert "queue_messages" in why["intake"]["detail"]

    gate.open()
    wait_until(lambda: post_anyhow(appliance, "after@example.com")[0] == 202)
    wait_until(lambda: set(arrivals(gated_sink)) >= crowd.accepted | {"after@example.com"}, timeout=60)
    assert {recipient: ids for recipient, ids in arrivals(gated_sink).items() if len(ids) > 1} == {}


class Burst:
    """Posts that come all at once, each over a connection of its own."""

    def __init__(self, appliance: Appliance, count: int) -> None:
        self._appliance = appliance
        self._key = appliance.local_token()
        self._threads = [threading.Thread(target=self._post, args=(number,)) for number in range(count)]
        self.accepted: set[str] = set()
        self.answers: Counter[int] = Counter()
        self.without_retry_after = 0
        self.errors: list[BaseException] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _post(self, number: int) -> None:
        recipient = f"b{number}@example.com"
        body = json.dumps({"to": [recipient], "subject": "Burst", "text": "x"})
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self._appliance.port, timeout=120)) as connection:
                connection.request("POST", "/api/v1/messages", body, headers)
                answer = connection.getresponse()
                answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.errors.append(error)
            return
        self.answers[answer.status] += 1
        if answer.status == 202:
            self.accepted.add(recipient)
        elif int(answer.headers.get("Retry-After", 0)) < 1:
            self.without_retry_after += 1


def test_burst_of_more_than_may_wait_is_refused_in_words_while_health_answers(
    start_appliance: MakeAppliance, sink: SmtpSink
) -> None:
    """Nothing is served while somebody else has the database, so that what is refused depends on no machine."""
    appliance = start_appliance({"LOG_LEVEL": "warning"})
    add_account(appliance, sink)
    may_wait = most_connections() // 2 + THREADS
    burst = Burst(appliance, most_connections() + 200)
    before = appliance.memory().rss

    with locked(appliance):
        burst.start()
        wait_until(lambda: burst.answers[503] > most_connections() + 100 - may_wait, timeout=60)
        health = [appliance.request("GET", "/health/live")[0] for _ in range(10)]
    burst.join()
    grown = appliance.memory().rss - before

    assert burst.errors == []
    assert set(burst.answers) <= {202, 503}
    assert burst.without_retry_after == 0
    assert health == [200] * 10
    assert grown < 100 * MEGABYTE
    assert "too much is asked at once" in appliance.log.read_text()
    assert counted_as_503(appliance) == burst.answers[503], "each refusal is counted, and none twice"
    after = post(appliance, "after@example.com")
    wait_for_status(appliance, after, "sent", timeout=60)
    wait_until(lambda: set(arrivals(sink)) == burst.accepted | {"after@example.com"}, timeout=60)


def counted_as_503(appliance: Appliance) -> int:
    """Of posts, by the application and before it."""
    _, told = appliance.request("GET", "/metrics", appliance.local_token())
    samples = r'^http_requests(?:_refused_total\{client="program"|_total\{method="POST",.*status="503")\} (\S+)$'
    return sum(int(float(value)) for value in re.findall(samples, told, re.MULTILINE))


def test_what_is_in_the_queue_can_be_looked_at_and_cancelled_while_it_is_full(
    start_appliance: MakeAppliance, gated_sink: SmtpSink
) -> None:
    appliance = start_appliance({"CAPACITY_QUEUE_MESSAGES": "3", "LOG_LEVEL": "warning"})
    add_account(appliance, gated_sink, active=False)
    waiting = [post(appliance, f"r{number}@example.com") for number in range(3)]
    assert post_anyhow(appliance)[0] == 503

    status, _ = appliance.request("POST", f"/api/v1/messages/{waiting[0]}/cancel", appliance.local_token())

    assert status == 200
    wait_until(lambda: post_anyhow(appliance)[0] == 202)
