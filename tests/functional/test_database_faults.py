"""The database file in other hands: locked by another program, damaged, and a process without file descriptors."""

import resource
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from tests.functional.conftest import MakeAppliance
from tests.functional.insisting import InsistingClients
from tests.functional.locking import locked
from tests.functional.mail import add_account, arrivals, post, post_anyhow, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

PAGE = 4096
IMPATIENT = {"DELIVERY_RETRY_SECONDS": "1", "LOG_LEVEL": "warning"}
MANY = 48  # more than there are threads for requests


def test_while_another_program_locks_the_database_health_answers_and_nothing_is_lost(
    start_appliance: MakeAppliance, sink: SmtpSink
) -> None:
    appliance = start_appliance(IMPATIENT)
    add_account(appliance, sink)
    answers: list[int] = []
    answered_meanwhile = 0

    with locked(appliance):
        clients = [threading.Thread(target=_post_until_refused, args=(appliance, answers)) for _ in range(MANY)]
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            appliance.request("GET", "/health")
            answered_meanwhile += not answers  # every post stands and waits for the lock
            time.sleep(0.1)
        _, told = appliance.request("GET", "/health")

    assert set(answers) == {503}
    assert answered_meanwhile > 2
    assert told["status"] == "failing"
    assert "locked" in told["database"]["detail"]
    wait_until(lambda: appliance.request("GET", "/health")[0] == 200)
    after = post(appliance, "after@example.com")
    wait_for_status(appliance, after, "sent")
    assert set(arrivals(sink)) == {"after@example.com"}


def test_lock_that_is_held_for_a_moment_is_only_waited_for(start_appliance: MakeAppliance, sink: SmtpSink) -> None:
    appliance = start_appliance(IMPATIENT)
    add_account(appliance, sink)

    with InsistingClients(appliance, appliance.local_token()) as clients:
        clients.post_more(20)
        with locked(appliance):
            time.sleep(1)
        clients.post_more(20)
    wait_until(lambda: set(arrivals(sink)) == set(clients.accepted))

    assert clients.refused == []


def test_damaged_database_is_said_and_takes_no_mail_that_it_would_lose(start_appliance: MakeAppliance) -> None:
    """Pages of the messages are overwritten; the beginning of the file, with the schema, stays."""
    appliance = start_appliance({**IMPATIENT, "FLOWER_ENABLED": "false"})
    for number in range(60):
        post(appliance, f"r{number}@example.com", text="x" * 3000)
    wait_until(lambda: appliance.request("GET", "/api/v1/system", appliance.local_token())[1]["messages"]["sent"] == 60)
    assert appliance.stop() == 0
    file = appliance.data_dir / "postroom.db"
    whole = file.read_bytes()
    _damage(file)

    appliance.launch()
    wait_until(appliance.find_ports)
    wait_until(lambda: post_anyhow(appliance)[0] == 503 and appliance.request("GET", "/health")[0] == 503)
    status, answer = post_anyhow(appliance)
    _, health = appliance.request("GET", "/health")
    code = appliance.stop()

    assert (status, answer["code"]) == (503, "storage_unavailable")
    assert "damaged" in answer["detail"]
    assert "restore" in answer["detail"]
    assert health["status"] == "failing"
    assert "damaged" in health["database"]["detail"]
    assert "the database file is damaged" in appliance.log.read_text()
    assert code == 0
    file.write_bytes(whole)
    appliance.start()
    assert appliance.request("GET", "/api/v1/system", appliance.local_token())[1]["messages"]["sent"] == 60


def test_without_free_descriptors_nothing_is_lost_and_it_recovers(
    start_appliance: MakeAppliance, sink: SmtpSink
) -> None:
    appliance = start_appliance({**IMPATIENT, "DELIVERY_BREAKER_SECONDS": "1"})
    add_account(appliance, sink)
    first = post(appliance, "first@example.com")
    wait_for_status(appliance, first, "sent")
    pid = appliance.os_process().pid
    usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)

    with InsistingClients(appliance, appliance.local_token()) as clients:
        clients.post_more(20)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (_highest(pid) + 1, usual[1]))
        sink.drop_connections()  # so that it wants new ones
        time.sleep(3)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
        clients.post_more(20)
    wait_until(lambda: set(clients.accepted) < set(arrivals(sink)), timeout=60)

    assert {answer["code"] for _, answer in clients.refused} <= {"storage_unavailable", "temporarily_unavailable"}
    assert [recipient for recipient, ids in arrivals(sink).items() if len(set(ids)) > 1] == []
    wait_until(lambda: appliance.request("GET", "/health")[0] == 200)
    assert all(one["restarts"] == 0 for one in appliance.health().values())
    assert appliance.stop() == 0


def _post_until_refused(appliance: Appliance, answers: list[int]) -> None:
    status, _ = post_anyhow(appliance, "never@example.com")
    answers.append(status)


def _damage(file: Path) -> None:
    tables = ("messages", "message_bodies", "recipients", "events")
    with closing(sqlite3.connect(file)) as database:
        pages = [
            database.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
            for table in tables
        ]
    with file.open("r+b") as raw:
        for page in pages:
            raw.seek((page - 1) * PAGE)
            raw.write(b"\xde\xad\xbe\xef" * (PAGE // 4))


def _highest(pid: int) -> int:
    """The highest descriptor that the process has open."""
    return max(int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir())
